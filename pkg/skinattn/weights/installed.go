package weights

import (
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/fetch"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

// recordEnding is added to the name of an installed file for the file with its SHA-256,
// in the form of sha256sum.
const recordEnding = ".sha256"

// record writes down the SHA-256 of an installed file.
func record(path, sum string) error {
	return atomicfile.WriteBytes(path+recordEnding, fmt.Appendf(nil, "%s  %s\n", sum, filepath.Base(path)))
}

// recorded is the SHA-256 that was written down for an installed file, empty if none was.
func recorded(path string) (sum string, err error) {
	if _, err := os.Stat(path + recordEnding); err != nil {
		return "", nil
	}
	if err := atomicfile.CheckPlace(path + recordEnding); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path + recordEnding)
	if err != nil {
		return "", err
	}
	sum, _, _ = strings.Cut(string(text), " ")
	return strings.TrimSpace(sum), nil
}

// ChangedError says that installed ImageNet weights are not those that were fetched or
// imported.
type ChangedError struct {
	Backbone  string
	Path      string
	Algorithm string // "MD5" or "SHA-256"
	Got, Want string // in hexadecimal
	Published bool   // Want is Keras's, and was not written down when the file was installed
}

func (e *ChangedError) Error() string {
	if e.Published {
		return fmt.Sprintf("%s is damaged or another file: its %s is %s, and Keras publishes %s", e.Path, e.Algorithm, e.Got, e.Want)
	}
	return fmt.Sprintf("%s was damaged or changed: its %s is %s, and was %s when it was installed (%s)", e.Path, e.Algorithm, e.Got, e.Want,
		filepath.Base(e.Path)+recordEnding)
}

// CheckInstalled returns a *ChangedError if the file at path, whose SHA-256 is sum, is the
// one at Path, and neither has the digest that was written down when Fetch or Import
// installed it nor, where none was, the digest that Keras publishes. Files at other places
// are their owners' business.
func CheckInstalled(name, path, sum string) error {
	installed, err := Path(name)
	if err != nil || filepath.Clean(path) != filepath.Clean(installed) {
		return nil
	}
	return checkDigest(name, path, sum)
}

func checkDigest(name, path, sum string) error {
	b, err := backbone.Find(name)
	if err != nil {
		return err
	}
	switch want, err := recorded(path); {
	case err != nil:
		return err
	case want == sum:
		return nil
	case want != "":
		return &ChangedError{Backbone: name, Path: path, Algorithm: "SHA-256", Got: sum, Want: want}
	case b.Weights.SHA256 != "" && b.Weights.SHA256 != sum:
		return &ChangedError{Backbone: name, Path: path, Algorithm: "SHA-256", Got: sum, Want: b.Weights.SHA256, Published: true}
	case b.Weights.MD5 == "":
		return nil
	}
	got, err := fetch.Digest(path, md5.New())
	if err == nil && got != b.Weights.MD5 {
		err = &ChangedError{Backbone: name, Path: path, Algorithm: "MD5", Got: got, Want: b.Weights.MD5, Published: true}
	}
	return err
}
