// Package homedir gives a process without $HOME, as services and bare containers start them, the home folder that the
// system has for its user. A program imports it for that alone.
package homedir

import (
	"os"
	"os/user"
	"path/filepath"
)

// Plug-ins and caches lie in the home folder, and go-xla looks for it when it is initialised: without $HOME it writes a line of
// its log to the terminal, before the program has begun. Go initialises packages in the order of their paths, as
// soon as their imports are (https://go.dev/ref/spec#Package_initialization): this one, which imports the
// standard library alone, comes before k8s.io/klog, and so before all that logs with it.
func init() {
	if os.Getenv("HOME") != "" {
		return
	}
	if who, err := user.Current(); err == nil && filepath.IsAbs(who.HomeDir) {
		os.Setenv("HOME", who.HomeDir) // an error leaves it as it is
	}
}
