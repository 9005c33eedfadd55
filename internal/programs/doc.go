// Package programs stands between a PJRT plug-in and its users. It keeps compiled programs in a folder, so that a program is compiled
// once on a machine, and has internal/convolve compute convolutions.
//
// XLA compiles a program for seconds to minutes, in every process anew. A PJRT plug-in
// can turn a compiled program into bytes and load the bytes in another process in a
// fraction of that time. [Cache.Plugin] loads a plug-in and puts this in front of its
// compiler: the plug-in's table of functions, PJRT_Api, is copied, and the copy's
// PJRT_Client_Compile looks into the folder first. Whoever compiles through the copy
// gets kept programs without knowing; the rest of the table is the plug-in's own.
//
// A program is kept under the SHA-256 of its [Key]: everything that can change the
// machine code. A file carries its key and a SHA-256 of its own, which are checked
// before the plug-in sees a byte; whatever is wrong with a file, the program is
// compiled as if there were none. Files appear whole, and any number of processes may
// share the folder. Beyond its limit, the programs that were not used for longest go.
package programs
