package weights

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/fetch"
	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

// EnvDir names a folder with Keras applications weights files under their
// own names, in place of the one that 'weights fetch' fills.
const EnvDir = "SKINATTN_WEIGHTS"

// Dir is the folder of the ImageNet weights.
func Dir() string {
	if dir := os.Getenv(EnvDir); dir != "" {
		return dir
	}
	return filepath.Join(userdir.Cache(), "weights")
}

// ErrNoImageNet says that a backbone has no ImageNet weights.
var ErrNoImageNet = errors.New("has no ImageNet weights")

// Path is where the ImageNet weights of a backbone lie, whether or not
// the file is there.
func Path(name string) (string, error) {
	b, err := backbone.Find(name)
	if err != nil {
		return "", err
	}
	if b.Weights.URL == "" {
		return "", fmt.Errorf("%s %w", b.Title, ErrNoImageNet)
	}
	return filepath.Join(Dir(), path.Base(b.Weights.URL)), nil
}

// Fetched is the ImageNet weights file of a backbone on this machine.
type Fetched struct {
	Backbone   string `json:"backbone"`
	File       string `json:"file"`
	URL        string `json:"url"`
	Licence    string `json:"licence"`
	Checksum   string `json:"checksum,omitempty"` // the published one that it has, "none published" otherwise
	SHA256     string `json:"sha256,omitempty"`
	Downloaded bool   `json:"downloaded"` // false: it was there already
	Error      string `json:"error,omitempty"`
}

// Fetch makes the ImageNet weights of a backbone lie at Path. It
// asks Keras's address, or $SKINATTN_MIRROR, and accepts only the file with
// the published checksum or, where none is published, one that fits the
// network: every variable up to the cut filled once by a tensor of its name and
// shape. log gets lines for people; progress is told the bytes so far and in
// all (-1: unknown).
func Fetch(ctx context.Context, name string, log func(line string), progress func(done, total int64)) (Fetched, error) {
	fetched := Fetched{Backbone: name}
	var err error
	if fetched.File, err = Path(name); err != nil {
		return fetched, err
	}
	b, err := backbone.Find(name)
	if err != nil {
		return fetched, err
	}
	fetched.URL, fetched.Licence = b.Weights.URL, b.Weights.Licence
	opts := fetch.Options{MD5: b.Weights.MD5, SHA256: b.Weights.SHA256, Log: log, Progress: progress}
	switch {
	case opts.MD5 != "":
		fetched.Checksum = "MD5 " + opts.MD5
	case opts.SHA256 != "":
		fetched.Checksum = "SHA-256 " + opts.SHA256
	default:
		fetched.Checksum = "none published"
		opts.Verify = func(path string) error { return fitsApplications(path, name) }
	}
	if fetched.Downloaded, err = fetch.File(ctx, fetched.URL, fetched.File, opts); err != nil {
		return fetched, fmt.Errorf("the ImageNet weights of %s: %w", b.Title, err)
	}
	fetched.SHA256, err = SHA256(fetched.File)
	return fetched, err
}

// fitsApplications says why a file does not hold the ImageNet weights of a
// backbone.
func fitsApplications(path, name string) error {
	found, err := examine(ImportOptions{Keras: path, Backbone: name})
	if err != nil {
		return err
	}
	if found.Form != FormApplications {
		return fmt.Errorf("%s holds a trained network, not ImageNet weights", path)
	}
	return found.fit.Err()
}

// SHA256 is the digest of a file in hexadecimal.
func SHA256(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
