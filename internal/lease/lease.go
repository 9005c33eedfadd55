// Package lease keeps one holder of a folder among processes on any number of machines
// that share a file system, NFS included. It asks of the file system that a file is created
// exclusively (O_EXCL) and that a file which is opened anew shows what was written before; it
// relies on no lock of the kernel, on no clock of another machine and on no network.
//
// The leases of a folder are files with rising numbers in its subfolder [Dir]. The highest one
// counts. Its holder rewrites it at every beat; whoever wants the folder takes the next number,
// which exactly one process can create: after the holder has given its own up, or after the
// file has stayed the same for so many looks that the holder must be dead. A holder that was
// only slow finds the higher number at its next beat, or when it is asked with Held, and stops.
// The highest file stays for ever, also when it is given up: a process that was slow between
// looking and creating makes a lower number, sees the higher one, and withdraws.
package lease

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Dir is the subfolder with the leases of a folder.
const Dir = ".lease"

// Holder says who holds a lease, or held it.
type Holder struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Machine is equal for processes that see each other's process ids; see [Machine].
	Machine string `json:"machine"`
}

// record is the content of a lease file. All records of one lease have the same length, so
// that rewriting needs no room on a full disk.
type record struct {
	Holder
	Token string `json:"token"` // of this lease alone
	State string `json:"state"` // held or free
	Beat  string `json:"beat"`  // rises; 16 hexadecimal digits
}

const (
	held = "held"
	free = "free"
)

// HeldError says that another process holds the lease. Holder is zero if its file can't be
// read.
type HeldError struct{ Holder Holder }

func (e *HeldError) Error() string {
	if e.Holder.Host == "" {
		return "held by another process"
	}
	return fmt.Sprintf("held by process %d on %s", e.Holder.PID, e.Holder.Host)
}

// ErrLost says that another process took the lease over, or that it could not be renewed for
// so long that another one may have.
var ErrLost = errors.New("the lease was lost: this process did not renew it in time")

// Options are the options of Take.
type Options struct {
	// Beat is the time between renewals (default: 10 s); a lease that stays the same for
	// Looks looks (default: 12), half a beat apart, is dead.
	Beat  time.Duration
	Looks int
	// Alone says that no other process of this machine uses the folder, as a lock of the
	// kernel tells: a lease that this machine holds is then dead.
	Alone bool
	// Waiting is called before a lease of unknown state is watched, for up to the given time.
	Waiting func(holder Holder, atMost time.Duration)
	// Self is the process as it will be recorded; the zero value is this process.
	Self Holder
}

func (o Options) filled() Options {
	if o.Beat == 0 {
		o.Beat = 10 * time.Second
	}
	if o.Looks == 0 {
		o.Looks = 12
	}
	if o.Self == (Holder{}) {
		host, _ := os.Hostname() // a machine without a name is still one
		o.Self = Holder{Host: host, PID: os.Getpid(), Machine: Machine()}
	}
	return o
}

// window is the time after which a silent lease is dead.
func (o Options) window() time.Duration { return time.Duration(o.Looks) * o.Beat / 2 }

// Lease is a lease that this process holds.
type Lease struct {
	dir    string
	number uint64
	opts   Options
	stop   chan struct{}
	ended  chan struct{} // the renewing has ended
	lost   chan struct{}

	mutex  sync.Mutex
	file   *os.File
	record record
	beats  uint64
	last   time.Time // of the last renewal that succeeded
	gone   bool
}

// Take takes the lease of a folder, which must exist. While a holder on another machine may
// be alive it waits, for at most Looks looks; it returns a *HeldError as soon as the holder
// gives a sign.
func Take(ctx context.Context, folder string, opts Options) (*Lease, error) {
	opts = opts.filled()
	dir := filepath.Join(folder, Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for {
		number, text, err := newest(dir)
		if err != nil {
			return nil, err
		}
		if number > 0 {
			if err := opts.await(ctx, dir, number, text); err != nil {
				return nil, err
			}
		}
		switch l, err := opts.create(dir, number+1); {
		case err == nil:
			return l, nil
		case !errors.Is(err, fs.ErrExist):
			return nil, err
		}
		// Another process was faster: its lease is looked at now.
	}
}

// await returns once the lease may be followed by the next one: it is given up, or its holder
// is dead.
func (o Options) await(ctx context.Context, dir string, number uint64, text []byte) error {
	var r record
	readable := json.Unmarshal(text, &r) == nil
	if readable && (r.State == free || o.Alone && r.Machine == o.Self.Machine) {
		return nil
	}
	if o.Waiting != nil {
		o.Waiting(r.Holder, o.window())
	}
	step := o.Beat / 2
	for looks := 0; looks < o.Looks; {
		slept := time.Now()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step):
		}
		now, again, err := newest(dir)
		if err != nil {
			return err
		}
		if now != number || !bytes.Equal(text, again) {
			var later record
			if json.Unmarshal(again, &later) == nil {
				if later.State == free {
					return nil // create fails, if this is no longer the newest one
				}
				r = later
			}
			return &HeldError{r.Holder}
		}
		// A look after a long pause counts for nothing: this machine was asleep, or the server
		// did not answer the holder either.
		if time.Since(slept) < 2*step+time.Second {
			looks++
		}
	}
	return nil
}

// create makes the lease of a number. If another process has this one or a higher one, the
// error is an fs.ErrExist.
func (o Options) create(dir string, number uint64) (*Lease, error) {
	file, err := os.OpenFile(filepath.Join(dir, name(number)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	l := &Lease{dir: dir, number: number, opts: o, file: file, record: record{Holder: o.Self, Token: rand.Text(), State: held},
		stop: make(chan struct{}), ended: make(chan struct{}), lost: make(chan struct{})}
	err = l.write()
	if err == nil {
		var highest uint64
		if highest, _, err = newest(dir); err == nil && highest > number {
			err = fs.ErrExist
		}
	}
	if err != nil {
		file.Close()
		os.Remove(file.Name())
		return nil, err
	}
	removeBelow(dir, number)
	go l.renew()
	return l, nil
}

// write rewrites the file. The mutex is held, or nobody else knows the lease yet.
func (l *Lease) write() error {
	l.beats++
	l.record.Beat = fmt.Sprintf("%016x", l.beats)
	text, err := json.Marshal(l.record)
	if err != nil {
		return err
	}
	if _, err := l.file.WriteAt(append(text, '\n'), 0); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.last = time.Now()
	return nil
}

// renew rewrites the file at every beat.
func (l *Lease) renew() {
	defer close(l.ended)
	ticker := time.NewTicker(l.opts.Beat)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
		l.mutex.Lock()
		l.beat()
		gone := l.gone
		l.mutex.Unlock()
		if gone {
			return
		}
	}
}

// beat renews the lease, or finds that it is lost. The mutex is held.
func (l *Lease) beat() {
	if l.gone {
		return
	}
	highest, _, err := newest(l.dir)
	if err == nil && highest == l.number {
		err = l.write()
	}
	// Others may take over after the window; this process stops before.
	if err == nil && highest != l.number || err != nil && time.Since(l.last) > l.opts.window()*2/3 {
		l.gone = true
		close(l.lost)
	}
}

// Lost is closed when the lease is lost.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Held reports whether the lease is still this process's. After a pause of the process, or of
// its machine, it looks anew.
func (l *Lease) Held() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if time.Since(l.last) > 2*l.opts.Beat {
		l.beat()
	}
	return !l.gone
}

// Release gives the lease up. It is an ErrLost if the lease was lost.
func (l *Lease) Release() error {
	close(l.stop)
	<-l.ended
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.beat()
	if l.gone {
		l.file.Close()
		return ErrLost
	}
	l.record.State = free
	err := l.write()
	return errors.Join(err, l.file.Close())
}

// State is what a look at a lease shows.
type State struct {
	Holder
	Held bool      // not given up; the holder may be dead all the same
	Beat time.Time // of the newest sign, by the clock of the file system
}

// Read looks at the lease of a folder. A folder that never had one has the zero State.
func Read(folder string) (State, error) {
	dir := filepath.Join(folder, Dir)
	number, text, err := newest(dir)
	if err != nil || number == 0 {
		return State{}, err
	}
	info, err := os.Stat(filepath.Join(dir, name(number)))
	if errors.Is(err, fs.ErrNotExist) { // followed by the next one this very moment
		return State{Held: true, Beat: time.Now()}, nil
	}
	if err != nil {
		return State{}, err
	}
	var r record
	if json.Unmarshal(text, &r) != nil {
		return State{Held: true, Beat: info.ModTime()}, nil
	}
	return State{Holder: r.Holder, Held: r.State == held, Beat: info.ModTime()}, nil
}

// name is the file name of a lease: numbers sort as texts.
func name(number uint64) string { return fmt.Sprintf("%010d", number) }

// newest returns the highest number and the content of its file; 0 if there is none.
func newest(dir string) (number uint64, text []byte, err error) {
	for range 100 { // it may be removed between the two looks, by the holder of a higher one
		if number, err = highest(dir); err != nil || number == 0 {
			return number, nil, err
		}
		text, err = os.ReadFile(filepath.Join(dir, name(number)))
		if !errors.Is(err, fs.ErrNotExist) {
			return number, text, err
		}
	}
	return number, text, err
}

func highest(dir string) (number uint64, err error) {
	err = each(dir, func(n uint64) { number = max(number, n) })
	return number, err
}

func removeBelow(dir string, number uint64) {
	each(dir, func(n uint64) {
		if n < number {
			os.Remove(filepath.Join(dir, name(n))) // what stays is in nobody's way
		}
	})
}

// each calls use for every lease; other files are none, such as copies of an editor. A folder that
// is not there has none.
func each(dir string, use func(number uint64)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 10, 64); err == nil && len(e.Name()) == len(name(0)) && !e.IsDir() {
			use(n)
		}
	}
	return err
}
