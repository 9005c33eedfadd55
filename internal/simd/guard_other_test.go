//go:build !linux

package simd

import "testing"

func guarded(_ testing.TB, n int, _ bool) []float32 { return make([]float32, n) }

func guardedOf[T any](_ testing.TB, n int, _ bool) []T { return make([]T, n) }
