package programs

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/userdir"
)

// Environment variables that change what [Open] opens.
const (
	// EnvFolder is a folder in place of the one in the user's cache folder, or Off.
	EnvFolder = "SKINATTN_PROGRAM_CACHE"
	Off       = "off"
	// EnvLimit is a limit in gigabytes (10^9 bytes) in place of DefaultLimit.
	EnvLimit = "SKINATTN_PROGRAM_CACHE_GB"
)

// DefaultLimit is the size in bytes that the programs of a cache may have together.
const DefaultLimit = 2_000_000_000

// ErrOff says that the user has switched the cache off.
var ErrOff = errors.New("switched off by $" + EnvFolder)

// Cache is a folder of compiled programs. Its methods may be called from several
// goroutines at once.
type Cache struct {
	Dir   string // made when the first program is saved
	Limit int64  // bytes that the programs may have together

	mutex sync.Mutex
	grown int64 // bytes saved since the folder was last looked through; -1: not yet
}

// Open returns the cache that the environment names: ErrOff if it is switched off. It
// does not touch the disk.
func Open() (*Cache, error) {
	dir := os.Getenv(EnvFolder)
	switch {
	case strings.EqualFold(dir, Off):
		return nil, ErrOff
	case dir == "":
		dir = filepath.Join(userdir.Cache(), "programs")
	default:
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, fmt.Errorf("$%s: %w", EnvFolder, err)
		}
	}
	limit := int64(DefaultLimit)
	if text := os.Getenv(EnvLimit); text != "" {
		gigabytes, err := strconv.ParseFloat(text, 64)
		if err != nil || !(gigabytes > 0 && gigabytes < 1e6) {
			return nil, fmt.Errorf("$%s is %q: it must be a number of gigabytes such as 2 or 0.5", EnvLimit, text)
		}
		limit = int64(gigabytes * 1e9)
	}
	return New(dir, limit), nil
}

// New returns the cache in the folder dir with a limit in bytes.
func New(dir string, limit int64) *Cache { return &Cache{Dir: dir, Limit: limit, grown: -1} }

// extension ends the names of the files of programs.
const extension = ".program"

func (c *Cache) path(key Key) string {
	return filepath.Join(c.Dir, fmt.Sprintf("%x", sha256.Sum256([]byte(key)))+extension)
}

// Load returns the program that was saved under key: nil if there is none, or none
// that can be relied on.
func (c *Cache) Load(key Key) []byte {
	path := c.path(key)
	// Something else of that name could be endless, or make the process wait.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > c.Limit {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	program, err := decode(content, key)
	if err != nil {
		return nil // saving the program anew replaces the file
	}
	now := time.Now()
	os.Chtimes(path, now, now) // for the order in which programs go; a read-only folder stays as it is
	return program
}

// Save keeps a program under key, and removes programs that were not used for long if
// they are too many. A program larger than a quarter of the limit is not kept.
func (c *Cache) Save(key Key, program []byte) error {
	size := int64(len(program))
	if size > c.Limit/4 {
		return nil
	}
	// Programs are machine code: nobody else may put one there.
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("making the folder for compiled programs: %w", err)
	}
	err := atomicfile.WriteFile(c.path(key), func(w io.Writer) error { return encode(w, key, program) })
	if err != nil {
		return err
	}
	return c.trim(size)
}

// Remove forgets the program that was saved under key.
func (c *Cache) Remove(key Key) { os.Remove(c.path(key)) }

// trim keeps the folder below its limit after size bytes were saved. It looks through
// the folder once a process, and then whenever the process has added a hundredth of
// the limit: other processes may have added as much.
func (c *Cache) trim(size int64) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.grown >= 0 {
		if c.grown += size; c.grown < c.Limit/100 {
			return nil
		}
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	c.grown = 0
	var total int64
	for _, f := range files {
		total += f.Size()
	}
	if total <= c.Limit {
		return nil
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	// Some room is made for what comes next.
	for _, f := range files {
		if total <= c.Limit-c.Limit/10 {
			break
		}
		if err := os.Remove(filepath.Join(c.Dir, f.Name())); err == nil || errors.Is(err, fs.ErrNotExist) {
			total -= f.Size()
		}
	}
	return nil
}

// files lists the programs in the folder. It removes what killed processes left.
func (c *Cache) files() ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(c.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var files []fs.FileInfo
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case err != nil || !info.Mode().IsRegular(): // another process has removed it
		case atomicfile.IsTemporary(info.Name()) && time.Since(info.ModTime()) > time.Hour:
			os.Remove(filepath.Join(c.Dir, info.Name()))
		case strings.HasSuffix(info.Name(), extension):
			files = append(files, info)
		}
	}
	return files, nil
}

// Usage is what a cache holds.
type Usage struct {
	Programs int
	Bytes    int64
}

// Usage counts the programs in the folder.
func (c *Cache) Usage() (Usage, error) {
	files, err := c.files()
	u := Usage{Programs: len(files)}
	for _, f := range files {
		u.Bytes += f.Size()
	}
	return u, err
}

// Empty removes all programs, and returns what it removed.
func (c *Cache) Empty() (Usage, error) {
	files, err := c.files()
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	for _, f := range files {
		if err := os.Remove(filepath.Join(c.Dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return u, err
		}
		u.Programs++
		u.Bytes += f.Size()
	}
	return u, nil
}
