// Package hdf5 reads and writes the part of the HDF5 format that h5py and Keras
// use to store weights.
//
// Write makes files of the oldest form, which every version of the library
// reads: superblock 0, version-1 groups of any size, contiguous datasets.
//
// Reading covers superblocks 0 to 3 (with a user block), groups of both kinds
// (version-1 B-tree with symbol nodes and local heap; link messages, compact
// or in a fractal heap), object headers 1 and 2 with continuations, attributes
// 1 to 3 (in the header or in a fractal heap), fixed-point, floating-point,
// enumerated, fixed and variable-length string types of either byte order, and
// compact, contiguous and chunked datasets (deflate and shuffle filters).
// Anything else, such as soft links, compound types or other filters, is
// listed, and reading it is an error that names it.
//
// The package trusts no file: it checks every address and length against the size of the
// file before use, visits every structure that could point back to itself at most once,
// and allocates no more than the file has bytes for the purpose (times the greatest ratio
// of deflate). Errors name the object and the byte offset.
//
// The package exists beside github.com/scigolib/hdf5, the other pure Go reader:
// its v0.14.1 (tried in 2026) refuses root groups of more than about 130 layers
// ("non-leaf B-tree nodes not supported yet"), hence the weight files of all
// backbones but VGG16 and MobileNetV3Small, and h5py cannot open the files that it
// writes with 257 groups or more. gonum's binding needs cgo and the C library.
//
// Layouts follow the "HDF5 File Format Specification Version 3.0" of The HDF
// Group; section numbers in the comments refer to it.
package hdf5
