//go:build unix

package sweep

import (
	"os/exec"
	"syscall"
)

// apart lets the terminal's signals go to this process alone, which passes them on once: a
// second one would end a training that is saving its state.
func apart(child *exec.Cmd) { child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
