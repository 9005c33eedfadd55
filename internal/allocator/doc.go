// Package allocator keeps large blocks of memory for C code to use again.
//
// XLA asks for its working memory, up to gigabytes, anew at each step, and its
// kernels for buffers of some hundred kilobytes in between. glibc gives the large
// blocks back to the system, which must clear them page by page the next time, and
// searches long lists for the others: about a fifth of a training step. After
// [Use], malloc and free keep freed blocks from 32 KiB on, on huge pages; glibc
// still serves the smaller ones. Go's memory is not concerned.
//
// Importing the package changes nothing by itself: the replaced functions pass
// every call on to glibc until a main program calls Use. Replacing malloc is
// documented by glibc and works on Linux with glibc, 64 bits and cgo, in a program
// that is linked dynamically; elsewhere Use does nothing.
package allocator
