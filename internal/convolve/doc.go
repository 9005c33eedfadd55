// Package convolve computes the convolutions of programs that XLA compiles for the CPU, and their gradients, by the loops
// of internal/simd.
//
// XLA's convolutions and matrix products call Eigen, which packs both operands anew in loops without vectors, and knows no
// Winograd form. XLA can call functions of its user's, though: [Rewrite] turns the convolutions of a program in StableHLO
// for which [Geometry.Pays] into custom calls, and [Geometry.Run] is what they call. A convolution that Rewrite does not know remains
// XLA's.
//
// A result does not change from run to run. It may change with the number of cores that Go may use, among which the sum of a kernel's gradient in the plain form is divided.
package convolve
