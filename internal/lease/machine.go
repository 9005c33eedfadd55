package lease

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// Machine names this machine as long as it runs. On Linux it also names the space of process
// ids: two containers of one machine are two machines here. It is not the host's name, which
// several machines may share.
func Machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, noSpace := os.Readlink("/proc/self/ns/pid")
	if err != nil || noSpace != nil {
		host, _ := os.Hostname()
		return runtime.GOOS + " " + host
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// Alive reports whether a process of this machine is there, so far as the system tells.
func Alive(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = process.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}
