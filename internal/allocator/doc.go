// Package allocator keeps large blocks of memory for C code to use again.
//
// XLA asks for its working memory, up to gigabytes, anew at each step, and its
// kernels for buffers of some hundred kilobytes in between. glibc gives the large
// ones back to the system, which must clear them page by page the next time, and
// searches long lists for the others: about a fifth of a training step. A program
// that imports this package has its own malloc and free for blocks from 32 KiB
// on, which keep what is freed, on huge pages; smaller ones are glibc's as
// before. Go's memory is not concerned.
//
// This is glibc's documented way to replace malloc, and it works on Linux with
// glibc, 64 bits and cgo, in a program that is linked dynamically; elsewhere
// importing the package does nothing.
package allocator
