// Package engine chooses and sets up the engine that computes: a CUDA GPU or the CPU
// through XLA (a PJRT plug-in), or GoMLX's pure Go backend.
//
// "auto" takes the first engine that works in the order cuda, cpu, go. The XLA plug-ins
// are pinned Python wheels, fetched on first use (internal/fetch), verified by
// SHA-256, and kept in go-xla's standard folder, so a machine needs nothing but Go.
// An interrupted download goes on the next time. Without a network the pure Go
// backend serves: it always works, and is slow.
//
// Opening the CPU engine raises GOMAXPROCS of the process by two for each core where XLA
// calls vector kernels (docs/kernels.md).
package engine
