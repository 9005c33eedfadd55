package lease

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// machine are the options of a process on a machine of that name, with short times.
func machine(name string) Options {
	return Options{Beat: 40 * time.Millisecond, Looks: 10, Self: Holder{Host: name, PID: 1, Machine: name}}
}

func take(t *testing.T, dir string, opts Options) *Lease {
	t.Helper()
	l, err := Take(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// die ends the renewing without giving the lease up, as a killed process does.
func (l *Lease) die() {
	close(l.stop)
	<-l.ended
	l.file.Close()
}

func refuse(t *testing.T, dir string, opts Options, holder string) {
	t.Helper()
	l, err := Take(context.Background(), dir, opts)
	if wrong, ok := errors.AsType[*HeldError](err); !ok || wrong.Holder.Host != holder {
		t.Errorf("lease %v, error %v; want that %s holds it", l, err, holder)
	}
}

// files are the names in the folder of leases.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, Dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestGivenUpLeaseIsTakenAtOnce(t *testing.T) {
	dir := t.TempDir()
	a := take(t, dir, machine("a"))
	if err := a.Release(); err != nil {
		t.Fatal(err)
	}
	waited := machine("b")
	waited.Waiting = func(Holder, time.Duration) { t.Error("waits for a lease that was given up") }
	b := take(t, dir, waited)
	if got := files(t, dir); got != "0000000002" {
		t.Errorf("leases %s, want the second one alone", got)
	}
	if err := b.Release(); err != nil {
		t.Error(err)
	}
}

func TestLivingHolderKeepsItsLease(t *testing.T) {
	dir := t.TempDir()
	a := take(t, dir, machine("a"))
	for range 3 {
		refuse(t, dir, machine("b"), "a")
	}
	alone := machine("a") // a lock of the kernel says that no process of this machine has it
	alone.Alone = true
	again := take(t, dir, alone)
	if a.Held() {
		// Held looks only after a pause of two beats.
		<-a.Lost()
	}
	if a.Held() || !again.Held() {
		t.Errorf("held %t and %t, want the later lease alone", a.Held(), again.Held())
	}
	if err := a.Release(); !errors.Is(err, ErrLost) {
		t.Errorf("release of a lost lease: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

func TestDeadHolderIsFollowedAfterTheWindow(t *testing.T) {
	dir := t.TempDir()
	take(t, dir, machine("a")).die()
	opts, atMost := machine("b"), time.Duration(0)
	opts.Waiting = func(h Holder, d time.Duration) {
		if atMost = d; h.Host != "a" {
			t.Errorf("waits for %+v", h)
		}
	}
	start := time.Now()
	b := take(t, dir, opts)
	// 10 looks, half a beat of 40 ms apart.
	if took := time.Since(start); took < 200*time.Millisecond || atMost != 200*time.Millisecond {
		t.Errorf("taken after %s, announced %s; want 200ms", took, atMost)
	}
	if s, err := Read(dir); err != nil || !s.Held || s.Host != "b" || time.Since(s.Beat).Abs() > time.Minute {
		t.Errorf("state %+v, %v", s, err)
	}
	b.Release()
	if s, err := Read(dir); err != nil || s.Held || s.Host != "b" {
		t.Errorf("state %+v, %v", s, err)
	}
	if s, err := Read(t.TempDir()); err != nil || s != (State{}) {
		t.Errorf("state of a folder without a lease: %+v, %v", s, err)
	}
}

// The clocks of the machines do not matter: the file of the holder is from next year.
func TestClocksAreNotCompared(t *testing.T) {
	dir := t.TempDir()
	dead := take(t, dir, machine("a"))
	dead.die()
	then := time.Now().AddDate(1, 0, 0)
	if err := os.Chtimes(filepath.Join(dir, Dir, "0000000001"), then, then); err != nil {
		t.Fatal(err)
	}
	take(t, dir, machine("b")).Release()

	living := take(t, dir, machine("c"))
	defer living.Release()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // as a server with a wrong clock would
		long := time.Now().AddDate(-1, 0, 0)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				os.Chtimes(filepath.Join(dir, Dir, "0000000003"), long, long)
			}
		}
	}()
	refuse(t, dir, machine("d"), "c")
}

// A process that was stopped for longer than the window finds that it has lost the lease the
// first time that it is asked, before its next beat.
func TestPausedHolderLoses(t *testing.T) {
	dir := t.TempDir()
	paused := take(t, dir, machine("a"))
	close(paused.stop) // renews no more
	<-paused.ended
	b := take(t, dir, machine("b"))
	if paused.Held() {
		t.Error("the paused process believes that it holds the lease")
	}
	if !b.Held() {
		t.Error("the second process does not hold the lease")
	}
	b.Release()
}

// An empty file, of a process that was killed between creating and writing it, dies like any
// other lease.
func TestUnreadableLease(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, Dir, "0000000007"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(dir); err != nil || !s.Held {
		t.Errorf("state %+v, %v", s, err)
	}
	take(t, dir, machine("a")).Release()
	if got := files(t, dir); got != "0000000008" {
		t.Errorf("leases %s", got)
	}
}

// Whatever else lies among the leases is in nobody's way.
func TestOtherFilesAreNoLeases(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"0000000009/x", "12", "18446744073709551615", "0000000003~", ".nfs0000000000000001"} {
		path := filepath.Join(dir, Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("rubbish"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := Read(dir); err != nil || state.Held {
		t.Errorf("%+v, %v", state, err)
	}
	l := take(t, dir, machine("a"))
	if l.number != 1 {
		t.Errorf("the first lease has the number %d", l.number)
	}
	refuse(t, dir, machine("b"), "a")
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func TestWaitingIsCancelled(t *testing.T) {
	dir := t.TempDir()
	take(t, dir, machine("a")).die()
	ctx, cancel := context.WithCancel(context.Background())
	opts := machine("b")
	opts.Beat = time.Hour
	opts.Waiting = func(Holder, time.Duration) { cancel() }
	if _, err := Take(ctx, dir, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// A process that looked long ago creates a lower number than there is, and withdraws.
func TestSlowProcessWithdraws(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		take(t, dir, machine("a")).Release()
	}
	if _, err := machine("b").filled().create(filepath.Join(dir, Dir), 2); !errors.Is(err, os.ErrExist) {
		t.Errorf("error %v, want that there is a higher one", err)
	}
	if got := files(t, dir); got != "0000000003" {
		t.Errorf("leases %s", got)
	}
}

const contenderEnv = "SKINATTN_LEASE_CONTENDER"

// TestMain lets the test binary be one of many processes that want the same lease.
func TestMain(m *testing.M) {
	if dir := os.Getenv(contenderEnv); dir != "" {
		os.Exit(contend(dir))
	}
	os.Exit(m.Run())
}

// contend takes the lease until it has had it several times. While it has it, it is alone
// in a critical section, whose file nobody else may find.
func contend(dir string) int {
	opts := machine(fmt.Sprint("machine ", os.Getpid()))
	opts.Looks = 100 // 2 s: this machine may be busy
	section := filepath.Join(dir, "section")
	for had := 0; had < 8; {
		l, err := Take(context.Background(), dir, opts)
		if _, busy := errors.AsType[*HeldError](err); busy {
			continue
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		had++
		file, err := os.OpenFile(section, os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			if l.Held() {
				fmt.Println("not alone:", err)
				return 1
			}
			continue // so slow that the lease was lost rightly
		}
		file.Close()
		time.Sleep(5 * time.Millisecond)
		os.Remove(section)
		if had == 4 && os.Getpid()%3 == 0 {
			return 0 // without giving it up, as if killed
		}
		l.Release()
	}
	return 0
}

func TestManyProcesses(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ended := make(chan string)
	const processes = 12
	for range processes {
		child := exec.Command(self)
		child.Env = append(os.Environ(), contenderEnv+"="+dir)
		go func() {
			out, err := child.CombinedOutput()
			if err != nil {
				ended <- fmt.Sprintf("%v: %s", err, out)
			} else {
				ended <- ""
			}
		}()
	}
	for range processes {
		if fault := <-ended; fault != "" {
			t.Error(fault)
		}
	}
}
