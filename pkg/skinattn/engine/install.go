package engine

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/go-xla/installer"

	"github.com/skinattn/skinattn/internal/fetch"
	"github.com/skinattn/skinattn/internal/filelock"
)

// wheel is a pinned Python wheel with a PJRT plug-in or its libraries inside.
type wheel struct {
	name, version string // on the Python package index
	file          string // the plug-in inside the wheel, or the folder to unpack
	sha256        string // of the wheel
}

func (w wheel) String() string { return w.name + " " + w.version }

// install makes final, a file or folder, from wheels, unless another process has
// made the file witness (final itself or a file in it) meanwhile. It downloads all
// wheels into the folder final.wheels, where an interrupted installation goes on the
// next time; unpack then makes the file or folder part from them, and a rename turns
// part into final. what names the installation for people.
func install(ctx context.Context, final, witness string, wheels []wheel, opts Options, what string, unpack func(files []string, part string) error) error {
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return fmt.Errorf("making the plug-in folder: %w", err)
	}
	lock, err := filelock.Acquire(ctx, final+".lock")
	if err != nil {
		return fmt.Errorf("waiting for another installation (%s.lock): %w", final, err)
	}
	defer lock.Release()
	if fileExists(witness) { // another process was faster
		return nil
	}
	opts.logf("fetching %s", what)
	downloads := final + ".wheels"
	var files []string
	for _, w := range wheels {
		file, err := fetchWheel(ctx, w, downloads, opts)
		if err != nil {
			return fmt.Errorf("installing %s: %w", w, err)
		}
		files = append(files, file)
	}
	part := final + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := unpack(files, part); err != nil {
		return fmt.Errorf("unpacking %s: %w", wheels[len(wheels)-1], err)
	}
	if err := os.RemoveAll(final); err != nil { // an installation without its witness
		return err
	}
	if err := os.Rename(part, final); err != nil {
		return err
	}
	opts.logf("installed %s", final)
	return os.RemoveAll(downloads)
}

// fetchWheel downloads w into dir, unless the whole file is there, and returns the file.
func fetchWheel(ctx context.Context, w wheel, dir string, opts Options) (string, error) {
	address, err := wheelURL(ctx, w)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, fmt.Sprintf("%s-%s-%s.whl", w.name, w.version, runtime.GOARCH))
	// $SKINATTN_MIRROR has weights; the package index has mirrors of its own.
	_, err = fetch.File(ctx, address, file, fetch.Options{SHA256: w.sha256, Direct: true, Log: opts.Log})
	return file, err
}

// packageInfo asks the Python package index for the files of a package. Tests put
// an index of their own in its place.
var packageInfo = installer.GetPipInfo

// indexPatience is the time that the package index has to answer.
const indexPatience = time.Minute

// wheelURL asks the package index for the address of the file with w's digest.
func wheelURL(ctx context.Context, w wheel) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, indexPatience)
	defer cancel()
	var info *installer.PipPackageInfo
	ask, answered := packageInfo, make(chan error, 1)
	go func() { // ask takes no context
		var err error
		info, err = ask(w.name)
		answered <- err
	}()
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("asking the package index: %w", ctx.Err())
	case err := <-answered:
		if err != nil {
			return "", err
		}
	}
	for _, release := range info.Releases[w.version] {
		if strings.EqualFold(release.Digests["sha256"], w.sha256) {
			page, err := url.Parse(info.Info.ProjectURL)
			if err != nil {
				return "", err
			}
			address, err := page.Parse(release.URL) // mirrors of the index give it relative to the page
			if err != nil {
				return "", err
			}
			return address.String(), nil
		}
	}
	return "", fmt.Errorf("the package index has no file of %s with SHA-256 %s", w, w.sha256)
}
