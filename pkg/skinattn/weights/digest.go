package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// SHA256 returns the digest of a file in hexadecimal. What is no file, such as a pipe, is an error.
func SHA256(path string) (string, error) { return copyDigest(io.Discard, path) }

// copyDigest copies a file to w and returns the SHA-256 of the bytes copied.
func copyDigest(w io.Writer, path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe would block, a device may not end
		return "", fmt.Errorf("%s is no file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, hash), file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// fileOrFolderSHA256 returns the SHA-256 of a file, or of the lines that sha256sum prints
// for the files of an npy folder.
func fileOrFolderSHA256(path string) (string, error) {
	if !isFolder(path) {
		return SHA256(path)
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		sum, err := SHA256(filepath.Join(path, entry.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s  %s\n", sum, entry.Name())
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
