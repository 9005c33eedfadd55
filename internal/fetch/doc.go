// Package fetch downloads files that must arrive whole and right.
//
// A download goes to PATH.part in the folder of PATH, is resumed after a cut
// (Range with If-Range, across processes too), tried again after failures that
// may pass, verified, synced to disk, and only then renamed to PATH. A lock
// keeps two processes from fetching one file at the same time. Bytes that turn
// out wrong are deleted.
//
// Proxies come from the environment (https_proxy, no_proxy, ...). The variable
// SKINATTN_MIRROR puts another server in the place of all addresses' own:
//
//	SKINATTN_MIRROR=https://mirror.example.org/keras
//
// makes https://storage.example.com/models/x.h5 into
// https://mirror.example.org/keras/models/x.h5. What a mirror gives is verified
// like everything else.
package fetch
