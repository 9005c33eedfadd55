//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// withChildren has the end of its context end a command with all processes that it has started.
func withChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
