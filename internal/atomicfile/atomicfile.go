// Package atomicfile writes files that are either complete or absent.
//
// A run folder is the only hand-over between the stages of this project, so a
// file in it must never be seen half-written: not after a crash, not on a full
// disk, not by a second process that reads while the first still writes.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// suffix ends the names of temporary files.
const suffix = ".tmp"

// IsTemporary reports whether name is the name of a temporary file of WriteFile. A
// killed process can leave such files.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, suffix)
}

// WriteFile calls write with a buffered writer and makes the result appear
// under path in one step: the bytes go to a temporary file in the same folder,
// which is synced to disk and renamed over path. On any failure, the previous
// content of path is untouched, the temporary file is removed, and the error
// names path.
//
// A device or a pipe at path is written into, and so is a file that the process has open, such as
// /dev/stdout: a file in its place would take it from all other programs. A pipe that nothing reads, and a disk, are errors.
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	if !Replaces(path) {
		if err := writeInto(path, write); err != nil {
			return fmt.Errorf("writing %s: %w", path, bareCause(err))
		}
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() { // before write has taken its time
		return fmt.Errorf("writing %s: %w", path, errFolder{})
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*"+suffix)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, bareCause(err))
	}
	defer func() {
		if err != nil {
			tmp.Close() // a second close only repeats an error we already return
			os.Remove(tmp.Name())
			err = fmt.Errorf("writing %s: %w", path, bareCause(err))
		}
	}()
	buffered := bufio.NewWriterSize(tmp, 1<<16)
	if err = write(buffered); err != nil {
		return err
	}
	if err = buffered.Flush(); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil { // CreateTemp makes 0600, run folders are shared
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// errFolder says that there is a folder in the place of a file.
type errFolder struct{}

func (errFolder) Error() string        { return "it is a folder" }
func (errFolder) Is(target error) bool { return target == os.ErrExist }

// errDisk says that a path is that of a disk.
var errDisk = errors.New("it is a disk, not a file")

// Replaces reports whether WriteFile makes a new file at path, beside which other files may
// go. Otherwise it writes into what is there.
func Replaces(path string) bool {
	if open := descriptor(path); open != nil {
		open.Close() // of a copy
		return false
	}
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular() || info.IsDir()
}

// writeInto writes into what WriteFile does not replace.
func writeInto(path string, write func(w io.Writer) error) (err error) {
	file := descriptor(path)
	if file == nil {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if mode := info.Mode(); mode&os.ModeDevice != 0 && mode&os.ModeCharDevice == 0 {
			return errDisk
		}
		if file, err = os.OpenFile(path, os.O_WRONLY|nonBlocking, 0); err != nil { // a pipe without a reader would be waited for
			return err
		}
	}
	buffered := bufio.NewWriterSize(file, 1<<16)
	if err = write(buffered); err == nil {
		err = buffered.Flush()
	}
	return errors.Join(err, file.Close())
}

// WriteBytes is WriteFile for content that is already in memory.
func WriteBytes(path string, content []byte) error {
	return WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// WriteDir makes the folder dir whole: fill writes into a temporary folder beside it, named
// by pattern as in os.MkdirTemp, which then gets the name dir. A folder at dir must be
// empty by then; what is no folder stays, and is an error. On an error the temporary folder is removed.
func WriteDir(dir, pattern string, fill func(temporary string) error) error {
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("writing the folder %s: there is a file of that name", dir)
	}
	parent := filepath.Dir(dir)
	temporary, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	if err := errors.Join(fill(temporary), os.Chmod(temporary, 0o755)); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		return err
	}
	return SyncDir(parent)
}

// CheckPlace returns an error if there is something at path which is no file, where a program keeps one: a folder can't
// be replaced, and a pipe would make the process wait for ever.
func CheckPlace(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().IsRegular() {
		return nil
	}
	what := "is no file"
	if info.IsDir() {
		what = "is a folder"
	}
	return fmt.Errorf("%s %s, in the place of a file that is made once and kept: remove it", path, what)
}

// SyncDir makes renames in dir durable. A file system that cannot sync a folder (some
// network mounts) is no error.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return err
	}
	return nil
}

// bareCause drops the temporary file's name, which the user does not know, from an
// error of package os.
func bareCause(err error) error {
	switch e := err.(type) {
	case *os.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
