package filecache

import (
	"fmt"
	"runtime/debug"
	"sync"
	"unsafe"
)

// LostError says that a mapped file lost content while it was in use.
type LostError struct{ Path string }

func (e *LostError) Error() string {
	return fmt.Sprintf("%s was cut short, or its disk failed, while it was in use", e.Path)
}

// opened are the files that are mapped.
var opened = &files{all: map[*File]bool{}}

type files struct {
	mu  sync.Mutex
	all map[*File]bool
}

func (o *files) add(f *File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[f] = true
}

func (o *files) remove(f *File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, f)
}

// at returns the file whose memory has the address, nil if there is none.
func (o *files) at(address uintptr) *File {
	o.mu.Lock()
	defer o.mu.Unlock()
	for f := range o.all {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(f.Content)))
		if address >= start && address-start < uintptr(len(f.Content)) {
			return f
		}
	}
	return nil
}

// lost returns a LostError if a file is shorter than it was: the system shows zeros behind
// its end, up to the end of the page.
func (o *files) lost() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for f := range o.all {
		if info, err := f.file.Stat(); err != nil || info.Size() < int64(len(f.Content)) {
			return &LostError{f.path}
		}
	}
	return nil
}

// Guard calls read, which may look at the content of open files on this goroutine, and
// returns a *LostError if a file has lost content. Without Guard, the system ends the
// process then. What read had done by then stays done; it must hold no locks without defer.
func Guard(read func()) error {
	if err := guard(read); err != nil {
		return err
	}
	return opened.lost()
}

// guard is Guard without looking at the lengths of the files.
func guard(read func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if fault, ok := cause.(interface{ Addr() uintptr }); ok {
			if f := opened.at(fault.Addr()); f != nil {
				err = &LostError{f.path}
				return
			}
		}
		panic(cause)
	}()
	read()
	return nil
}
