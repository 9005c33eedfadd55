package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// terminal is a pseudo-terminal; closing its master is what happens to a process when a window is closed or a connection
// breaks: the kernel sends SIGHUP to the session, and whatever is written to the terminal fails.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	// File.Fd would make the master blocking, and Close would then wait for who reads it.
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	controlled := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(controlled, err); err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	return master, slave
}

// inTerminal lets a command run, by script with the command as its arguments, in a session of its own whose terminal closes
// once the run in dir is at its second save. The exit code is the one that
// the script writes to $STATUS.
func inTerminal(t *testing.T, command *exec.Cmd, script, dir string) (code string) {
	t.Helper()
	master, slave := terminal(t)
	status := filepath.Join(t.TempDir(), "status")
	command.Path, command.Args = "/bin/sh", append([]string{"sh", "-c", script, "sh"}, command.Args...)
	command.Env = append(command.Environ(), "STATUS="+status)
	command.Stdin, command.Stdout, command.Stderr = slave, slave, slave
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	var seen strings.Builder
	read := make(chan bool)
	go func() { // a full terminal would stop the run
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			seen.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	if !(killing{save: 2}).await(dir, ended) {
		t.Fatalf("it ended before: %v", <-ended)
	}
	master.Close()
	<-ended
	<-read
	for range 600 { // the run may outlive the shell
		if text, err := os.ReadFile(status); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(string(text))
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the run does not end; the terminal showed\n%s", seen.String())
	return ""
}

// A training, alone or in a sweep, whose terminal goes away saves and can go on to the same bytes, also when what reads its
// output dies first. Under nohup it goes on as if nothing had been.
func TestTerminalGoesAway(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("these tests run under nohup: no run would get SIGHUP")
	}
	// The kernel sends SIGHUP to the shell that leads the session, which dies of it, and then to its children. The inner shell
	// stays to tell the code.
	const leader = `sh -c '%s' sh "$@"; true`
	for name, c := range map[string]struct{ script, code string }{
		"train":          {`trap : HUP; "$@"; echo $? >"$STATUS"`, "130"},
		"read by a pipe": {`{ trap : HUP; "$@" 2>&1; echo $? >"$STATUS"; } | cat`, "130"},
		"nohup":          {`trap : HUP; nohup "$@" >"$STATUS.log" 2>&1; echo $? >"$STATUS"`, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			dir := filepath.Join(t.TempDir(), "run")
			if code := inTerminal(t, l.train(dir), fmt.Sprintf(leader, c.script), dir); code != c.code {
				t.Errorf("exit code %s, want %s", code, c.code)
			}
			if c.code != "0" {
				if out, err := l.goOn(dir).CombinedOutput(); err != nil {
					t.Errorf("going on: %v\n%s", err, out)
				}
			}
			l.expectWhole(t, dir)
		})
	}
	t.Run("sweep", func(t *testing.T) {
		l := newSweepLab(t, tinySweep)
		want := l.undisturbed(t)
		first := filepath.Join(l.runs, l.cells[0].Name)
		if code := inTerminal(t, l.sweep("run"), fmt.Sprintf(leader, `trap : HUP; "$@"; echo $? >"$STATUS"`), first); code != "130" {
			t.Errorf("exit code %s, want 130", code)
		}
		folder := run.Folder{Dir: first}
		if _, err := os.Stat(folder.Path(run.MetricsFile)); err == nil {
			t.Log("the first cell was done before its terminal was gone")
		}
		if out, err := l.sweep("run").CombinedOutput(); err == nil {
			t.Errorf("the sweep has a cell that fails, and says that it is done\n%s", out)
		}
		l.expect(t, want)
	})
}

// What reads the progress of a training through a pipe may end: the training goes on.
func TestReaderOfProgressEnds(t *testing.T) {
	l := newLab(t)
	dir := filepath.Join(t.TempDir(), "run")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command := l.train(dir)
	command.Stderr = write
	read.Close()
	err = command.Run()
	write.Close()
	if err != nil {
		t.Error(err)
	}
	l.expectWhole(t, dir)
}
