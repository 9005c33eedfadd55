package fetch

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skinattn/skinattn/internal/filelock"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// Options of [File]. The zero value verifies nothing but the length.
type Options struct {
	// MD5 and SHA256 are the file's digests in hexadecimal, where known.
	MD5, SHA256 string
	// Verify, if not nil, checks the whole file before it gets its name, and a file
	// that is already there.
	Verify func(path string) error
	// Mismatch, if not nil, decides on a file that has another digest than MD5 or
	// SHA256: nil accepts the file.
	Mismatch func(*ChecksumError) error
	// Direct ignores $SKINATTN_MIRROR.
	Direct bool

	// Progress, if not nil, gets the number of bytes so far and in all (-1: the
	// server does not say).
	Progress func(done, total int64)
	// Log, if not nil, gets lines for people.
	Log func(line string)

	Client   *http.Client  // nil: one with the environment's proxy
	Attempts int           // tries in all; 0: 6
	Backoff  time.Duration // pause before the second try, doubled each time up to a minute; 0: 1 s
	Stall    time.Duration // a try ends when nothing arrives for this time; 0: 1 min
}

const maxPause = time.Minute

func (o Options) withDefaults() Options {
	if o.Client == nil {
		o.Client = &http.Client{Transport: http.DefaultTransport} // its proxy is the environment's
	}
	o.Attempts, o.Backoff, o.Stall = cmp.Or(o.Attempts, 6), cmp.Or(o.Backoff, time.Second), cmp.Or(o.Stall, time.Minute)
	return o
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// ChecksumError reports that a downloaded file has another digest than the known
// one. The bytes have been deleted.
type ChecksumError struct {
	Algorithm string // "MD5" or "SHA-256"
	Want, Got string // in hexadecimal
	File      string // the file that was checked
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("wrong bytes: %s is %s, not %s; they were deleted", e.Algorithm, e.Got, e.Want)
}

// StatusError reports that the server answered with a status instead of the file.
type StatusError struct {
	Code  int // HTTP status
	pause time.Duration
}

func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the server answers HTTP %d %s", e.Code, http.StatusText(e.Code)))
}

// ErrWebPage reports that a web page came in place of the file, such as a login
// page or a proxy's notice.
var ErrWebPage = errors.New("the server sent a web page instead of the file")

// permanent marks an error after which another try is useless.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// File downloads the file at address (http or https) to path, unless a file that
// passes the checks of opts is there already, and reports whether it had to. It
// makes folders as needed.
//
// The error may be a *ChecksumError, a *StatusError, ErrWebPage, ctx's error
// or one of opts.Verify or the file system. After a cut or a cancelled context
// PATH.part stays, and the next call goes on from there.
func File(ctx context.Context, address, path string, opts Options) (downloaded bool, err error) {
	source, err := parse(address)
	if err == nil && !opts.Direct {
		source, err = mirrored(source)
	}
	if err != nil {
		return false, err
	}
	d := &download{Options: opts.withDefaults(), source: source, path: path}
	if d.check(path) == nil { // before the lock: the folder may be read-only
		return false, nil
	}
	downloaded, err = d.run(ctx)
	if err != nil {
		return false, fmt.Errorf("fetching %s to %s: %w", source.Redacted(), path, err)
	}
	return downloaded, nil
}

// EnvMirror names the environment variable with the address of a server that is
// asked in place of every address's own.
const EnvMirror = "SKINATTN_MIRROR"

// mirrored returns the address of source on the mirror, or source if there is no
// mirror.
func mirrored(source *url.URL) (*url.URL, error) {
	mirror := os.Getenv(EnvMirror)
	if mirror == "" {
		return source, nil
	}
	base, err := parse(mirror)
	if err != nil {
		return nil, fmt.Errorf("$%s: %w", EnvMirror, err)
	}
	result := base.JoinPath(source.EscapedPath())
	result.RawQuery = source.RawQuery
	return result, nil
}

func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("not a web address: " + strings.TrimPrefix(err.Error(), "parse "))
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is not an http or https address", u.Redacted())
	}
	return u, nil
}

// download is one call of File.
type download struct {
	Options
	source *url.URL
	path   string
}

func (d *download) part() string { return d.path + ".part" }

// run downloads under the lock.
func (d *download) run(ctx context.Context) (downloaded bool, err error) {
	dir := filepath.Dir(d.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	lockFile := filepath.Join(dir, "."+filepath.Base(d.path)+".lock")
	for _, path := range []string{d.path, d.part(), d.statePath(), lockFile} { // before anything is sent for
		if err := atomicfile.CheckPlace(path); err != nil {
			return false, err
		}
	}
	lock, err := filelock.Try(lockFile)
	if err == nil && lock == nil {
		d.logf("waiting for another process that fetches %s", d.path)
		lock, err = filelock.Acquire(ctx, lockFile)
	}
	if err != nil {
		return false, fmt.Errorf("locking: %w", err)
	}
	defer lock.Release()
	defer d.tidy()
	switch err := d.check(d.path); {
	case err == nil: // another process was faster
		return false, nil
	case !errors.Is(err, os.ErrNotExist):
		d.logf("%s is there but not right (%v); fetching it anew", d.path, err)
	}
	d.logf("fetching %s", d.source.Redacted())
	for try := 1; ; try++ {
		resumed, err := d.attempt(ctx)
		if err == nil {
			if err = d.finish(); err == nil {
				return true, nil
			}
			if !resumed { // otherwise the two halves may be of different files
				err = permanent{err}
			}
		}
		if err := d.pause(ctx, try, err); err != nil {
			return false, err
		}
	}
}

// tidy removes files from which no later call could resume.
func (d *download) tidy() {
	if info, err := os.Stat(d.part()); err == nil && (info.Size() > 0 || !info.Mode().IsRegular()) {
		return
	}
	os.Remove(d.part())
	os.Remove(d.statePath())
}

// pause waits after a failed try, or returns the error that ends the download.
func (d *download) pause(ctx context.Context, try int, failure error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var final permanent
	if errors.As(failure, &final) {
		return final.error
	}
	if try == d.Attempts {
		if info, err := os.Stat(d.part()); err == nil && info.Size() > 0 {
			return fmt.Errorf("%w (try %d of %d); %d bytes are kept, run it again to go on from there", failure, try, d.Attempts, info.Size())
		}
		return fmt.Errorf("%w (try %d of %d); check the network, the proxy and $%s", failure, try, d.Attempts, EnvMirror)
	}
	wait := d.Backoff << min(try-1, 16)
	var status *StatusError
	if errors.As(failure, &status) {
		wait = max(wait, status.pause)
	}
	wait = min(wait, maxPause)
	d.logf("fetching failed (%v); trying again in %s", failure, wait)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

// finish verifies the complete part file and renames it to PATH, or deletes it if it
// is wrong.
func (d *download) finish() error {
	defer os.Remove(d.statePath())
	if err := d.check(d.part()); err != nil {
		os.Remove(d.part())
		return err
	}
	if err := errors.Join(os.Rename(d.part(), d.path), atomicfile.SyncDir(filepath.Dir(d.path))); err != nil {
		return permanent{err}
	}
	return nil
}

// check verifies the file at path. It returns an error if there is no file.
func (d *download) check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	for _, digest := range []struct {
		algorithm, want string
		hash            hash.Hash
	}{{"MD5", d.MD5, md5.New()}, {"SHA-256", d.SHA256, sha256.New()}} {
		if digest.want == "" {
			continue
		}
		got, err := Digest(path, digest.hash)
		if err != nil {
			return err
		}
		if !strings.EqualFold(got, digest.want) {
			wrong := &ChecksumError{Algorithm: digest.algorithm, Want: strings.ToLower(digest.want), Got: got, File: path}
			if d.Mismatch == nil {
				return wrong
			}
			if err := d.Mismatch(wrong); err != nil {
				return err
			}
		}
	}
	if d.Verify != nil {
		return d.Verify(path)
	}
	return nil
}

// Digest returns the digest of a file in hexadecimal, by an unused hash.
func Digest(path string, hash hash.Hash) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
