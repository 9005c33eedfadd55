// Package fetch downloads files and verifies them.
//
// A download goes to PATH.part in the folder of PATH, is resumed after a cut
// (Range with If-Range, across processes too), tried again after temporary
// failures, verified, synced to disk, and only then renamed to PATH. A lock
// keeps two processes from fetching one file at the same time. Wrong bytes are
// deleted.
//
// Proxies come from the environment (https_proxy, no_proxy, ...). Unless
// Options.Direct is set, the variable SKINATTN_MIRROR names a server that is asked in
// place of every address's own:
//
//	SKINATTN_MIRROR=https://mirror.example.org/keras
//
// makes https://storage.example.com/models/x.h5 into
// https://mirror.example.org/keras/models/x.h5. What a mirror gives is verified
// like everything else.
package fetch
