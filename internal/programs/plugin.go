//go:build cgo && linux

package programs

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "plugin.h"
*/
import "C"
import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"github.com/skinattn/skinattn/internal/convolve"
)

// kept is the one plug-in of the process whose programs are kept.
var kept struct {
	sync.Mutex
	path  string
	table uintptr
	keeper
}

// keeper answers the requests of a plug-in's users.
type keeper struct {
	cache     *Cache // nil: programs are not kept
	convolves bool   // convolutions are computed by internal/convolve
	surroundings
	hash    func() (string, error) // of the plug-in's file, worked out when it is first needed
	warn    func(line string)      // says once that programs cannot be kept
	counted Counts
}

// Counts tells what became of the programs that were asked for.
type Counts struct {
	Loaded   int // kept programs
	Compiled int
}

// Plugin loads the PJRT plug-in at path and returns the address of a table of functions
// (PJRT_Api, as GetPjrtApi would return it) through which programs are kept in c, unless it is
// nil; new is false if the process had it before. Where convolves is true and the plug-in and the processor allow it, convolutions
// are computed by internal/convolve. A process has one such plug-in, one cache and one setting: those that came first. warn gets a line, once, if programs cannot be kept.
func (c *Cache) Plugin(path string, convolves bool, warn func(line string)) (table uintptr, isNew bool, err error) {
	kept.Lock()
	defer kept.Unlock()
	if kept.table != 0 {
		if kept.path != path {
			return 0, false, errors.New("another plug-in is loaded")
		}
		return kept.table, false, nil
	}
	var around surroundings
	if c != nil {
		around, err = currentSurroundings()
		if err == nil && around.dumps() {
			err = errors.New("XLA is to dump what it compiles")
		}
		if err == nil {
			err = c.trust()
		}
		if err != nil {
			warn(notKept(err))
			c = nil
		}
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var api *C.PJRT_Api
	if wrong := C.skinattn_programs_open(name, &api); wrong != nil {
		return 0, false, fmt.Errorf("the plug-in %s: %s", path, C.GoString(wrong))
	}
	kept.path, kept.table = path, uintptr(unsafe.Pointer(api))
	kept.keeper = keeper{cache: c, surroundings: around, warn: warn, hash: sync.OnceValues(func() (string, error) { return c.fileHash(path) })}
	if convolves {
		switch err := registerConvolutions(api); {
		case err == nil:
			kept.convolves = true
			convolve.Activate()
		case !errors.Is(err, errors.ErrUnsupported):
			warn(fmt.Sprintf("note: XLA computes convolutions itself, more slowly: %v", err))
		}
	}
	return kept.table, true, nil
}

// trust returns an error if others may put machine code into the folder.
func (c *Cache) trust() error {
	info, err := os.Stat(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("anyone may write to %s", c.Dir)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user", c.Dir)
	}
	return nil
}

// Counted returns the counts of the process.
func Counted() Counts {
	kept.Lock()
	defer kept.Unlock()
	return kept.counted
}

// skinattnProgramsCompile stands for the plug-in's PJRT_Client_Compile.
//
//export skinattnProgramsCompile
func skinattnProgramsCompile(args *C.PJRT_Client_Compile_Args) *C.PJRT_Error {
	return kept.compile(args)
}

func (k *keeper) compile(args *C.PJRT_Client_Compile_Args) *C.PJRT_Error {
	if k.convolves {
		defer rewrite(args)()
	}
	if k.cache == nil {
		return C.skinattn_programs_compile(args)
	}
	key, err := k.keyOf(args)
	if err != nil {
		k.fail(err)
		return C.skinattn_programs_compile(args)
	}
	if program := k.cache.Load(key); program != nil {
		if err := load(args, program); err == nil {
			k.count(&k.counted.Loaded)
			return nil
		}
		k.cache.Remove(key)
	}
	if failed := C.skinattn_programs_compile(args); failed != nil {
		return failed
	}
	k.count(&k.counted.Compiled)
	if err := k.save(key, args.executable); err != nil {
		k.fail(err)
	}
	return nil
}

// rewrite puts a program in place of another one whose convolutions pay as custom calls. The returned function undoes it.
func rewrite(args *C.PJRT_Client_Compile_Args) (undo func()) {
	before := args.program
	if C.GoStringN(before.format, C.int(before.format_size)) != "mlir" {
		return func() {}
	}
	code := convolve.Rewrite(view(before.code, before.code_size))
	program := (*C.PJRT_Program)(C.malloc(C.size_t(unsafe.Sizeof(*before))))
	*program = *before
	program.code, program.code_size = (*C.char)(C.CBytes(code)), C.size_t(len(code))
	args.program = program
	return func() {
		args.program = before
		C.free(unsafe.Pointer(program.code))
		C.free(unsafe.Pointer(program))
	}
}

func (k *keeper) keyOf(args *C.PJRT_Client_Compile_Args) (Key, error) {
	around := k.surroundings
	var err error
	if around.plugin, err = k.hash(); err != nil {
		return "", err
	}
	return around.key(request{
		format:  C.GoStringN(args.program.format, C.int(args.program.format_size)),
		code:    view(args.program.code, args.program.code_size),
		options: view(args.compile_options, args.compile_options_size),
		devices: int(C.skinattn_programs_devices(args.client)),
	}), nil
}

// load hands a kept program to the plug-in.
func load(args *C.PJRT_Client_Compile_Args, program []byte) error {
	var loaded *C.PJRT_LoadedExecutable
	if failed := C.skinattn_programs_load(args.client, (*C.char)(unsafe.Pointer(unsafe.SliceData(program))), C.size_t(len(program)), &loaded); failed != nil {
		return errorOf(failed)
	}
	args.executable = loaded
	return nil
}

// save keeps a program that was just compiled.
func (k *keeper) save(key Key, executable *C.PJRT_LoadedExecutable) error {
	var serialized C.PJRT_Executable_Serialize_Args
	if failed := C.skinattn_programs_serialize(executable, &serialized); failed != nil {
		return errorOf(failed)
	}
	defer C.skinattn_programs_free(&serialized)
	return k.cache.Save(key, view(serialized.serialized_bytes, serialized.serialized_bytes_size))
}

// fail tells once that programs cannot be kept.
func (k *keeper) fail(err error) {
	kept.Lock()
	warn := k.warn
	k.warn = nil
	kept.Unlock()
	if warn != nil {
		warn(notKept(err))
	}
}

func notKept(err error) string { return fmt.Sprintf("note: compiled programs are not kept: %v", err) }

func (k *keeper) count(n *int) {
	kept.Lock()
	*n++
	kept.Unlock()
}

// view makes C's bytes readable without copying them.
func view(p *C.char, size C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(size))
}

// errorOf frees a plug-in's error and returns its first words.
func errorOf(failed *C.PJRT_Error) error {
	text := make([]byte, 500)
	n := C.skinattn_programs_message(failed, (*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)))
	return errors.New(string(text[:n]))
}
