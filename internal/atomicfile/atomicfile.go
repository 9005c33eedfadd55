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
// A device or a pipe at path, such as /dev/stdout, is written into: a file in its place would
// take it from all other programs. A pipe that nothing reads, and a disk, are errors.
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		if err := writeInto(path, info.Mode(), write); err != nil {
			return fmt.Errorf("writing %s: %w", path, bareCause(err))
		}
		return nil
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

// errDisk says that a path is that of a disk.
var errDisk = errors.New("it is a disk, not a file")

// writeInto writes into what is no file.
func writeInto(path string, mode os.FileMode, write func(w io.Writer) error) error {
	if mode&os.ModeDevice != 0 && mode&os.ModeCharDevice == 0 {
		return errDisk
	}
	file, err := os.OpenFile(path, os.O_WRONLY|nonBlocking, 0) // a pipe without a reader would be waited for
	if err != nil {
		return err
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
