package programs

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// identity tells a file from any other, and from itself before a change: the system
// sets the time of a change, users cannot.
type identity struct {
	Path          string
	Device, Inode uint64
	Size          int64
	Changed       [2]int64 // seconds and nanoseconds
	Modified      [2]int64
	SHA256        string // what was worked out for this file
}

// FileSHA256 returns the SHA-256 of the file at path, hexadecimal. It is kept in the folder
// of the programs, if there is one, for as long as the file does not change.
func FileSHA256(path string) (string, error) {
	cache, err := Open()
	if err != nil { // switched off, or the environment is wrong, which others tell
		cache = nil
	}
	return cache.fileHash(path)
}

// fileHash returns the SHA-256 of the file at path. Reading a plug-in of 200 MB takes
// half a second, so the result is kept in the cache's folder for as long as the file
// does not change. A nil cache keeps nothing.
func (c *Cache) fileHash(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	id := identity{Path: path, Size: info.Size()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Device, id.Inode = uint64(stat.Dev), stat.Ino
		id.Changed = [2]int64{int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)}
		id.Modified = [2]int64{int64(stat.Mtim.Sec), int64(stat.Mtim.Nsec)}
	}
	if c == nil {
		return sum256(file)
	}
	memo := filepath.Join(c.Dir, fmt.Sprintf("plugin-%.8x.json", sha256.Sum256([]byte(path))))
	var known identity
	if content, err := os.ReadFile(memo); err == nil && json.Unmarshal(content, &known) == nil {
		sum := known.SHA256
		if known.SHA256 = ""; known == id && len(sum) == 2*sha256.Size {
			return sum, nil
		}
	}
	if id.SHA256, err = sum256(file); err != nil {
		return "", err
	}
	if content, err := json.Marshal(id); err == nil && os.MkdirAll(c.Dir, 0o700) == nil {
		atomicfile.WriteBytes(memo, content) // a folder that cannot be written costs the time
	}
	return id.SHA256, nil
}

func sum256(file io.Reader) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}
