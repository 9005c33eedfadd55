package weights

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/skinattn/skinattn/internal/fetch"
	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

// EnvDir is the environment variable for a folder with weights files of Keras
// applications under Keras's names. Without the variable Dir is in the cache folder.
const EnvDir = "SKINATTN_WEIGHTS"

// Dir is the folder with the ImageNet weights.
func Dir() string {
	if dir := os.Getenv(EnvDir); dir != "" {
		return dir
	}
	return filepath.Join(userdir.Cache(), "weights")
}

// ErrNoImageNet says that a backbone has no ImageNet weights.
var ErrNoImageNet = errors.New("has no ImageNet weights")

// Path is the place of a backbone's ImageNet weights, whether or not the file exists.
// A backbone without such weights is an ErrNoImageNet.
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
	Checksum   string `json:"checksum,omitempty"` // the published checksum, or "none published"
	SHA256     string `json:"sha256,omitempty"`
	Downloaded bool   `json:"downloaded"` // false: the file was there already
	Error      string `json:"error,omitempty"`
}

// Fetch downloads the ImageNet weights of a backbone to Path, unless the file is there.
// It asks Keras's address, or $SKINATTN_MIRROR. It accepts the file with the published
// checksum or, where Keras publishes none, a file that fits the network: one tensor of
// the right name and shape for every variable up to the cut, and with the SHA-256 that was
// written down beside it when it was installed. log gets lines for people;
// progress gets the bytes so far and in all (-1: unknown). Both may be nil.
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
		opts.Verify = func(path string) error {
			if err := fitsApplications(path, name); err != nil || path != fetched.File {
				return err
			}
			sum, err := SHA256(path)
			if err == nil {
				err = checkDigest(name, path, sum)
			}
			return err
		}
	}
	if fetched.Downloaded, err = fetch.File(ctx, fetched.URL, fetched.File, opts); err != nil {
		return fetched, fmt.Errorf("the ImageNet weights of %s: %w", b.Title, err)
	}
	if fetched.SHA256, err = SHA256(fetched.File); err != nil {
		return fetched, err
	}
	if have, err := recorded(fetched.File); err == nil && have != fetched.SHA256 {
		if err := record(fetched.File, fetched.SHA256); err != nil && fetched.Downloaded { // others' folders may be read-only
			return fetched, err
		}
	}
	return fetched, nil
}

// fitsApplications returns an error unless a file holds the ImageNet weights of a
// backbone.
func fitsApplications(path, name string) error {
	ins, err := inspect(ImportOptions{Keras: path, Backbone: name})
	if err != nil {
		return err
	}
	if ins.Form != FormApplications {
		return fmt.Errorf("%s holds a trained network, not ImageNet weights", path)
	}
	return ins.match.Err()
}
