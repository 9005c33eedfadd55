package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/gomlx/go-xla/installer"

	"github.com/skinattn/skinattn/internal/oneline"
)

// errUnsupported marks a platform for which there is no plug-in at all.
var errUnsupported = errors.New("no XLA plug-in for this platform")

// errNoXLA is what a program says that was built without a C compiler, as Go
// does by itself where it finds none.
var errNoXLA = errors.New("this program was built without XLA, for lack of a C compiler: install gcc and build again")

// wheel is a pinned Python wheel with a PJRT plug-in inside.
type wheel struct {
	name, version string // on the Python package index
	file          string // the plug-in inside the wheel, or the folder to unpack
	sha256        string // of the wheel
}

func (w wheel) String() string { return w.name + " " + w.version }

// cpuWheels are the plug-ins by platform, the preferred one first. The first
// x86-64 one trains three times faster than the second and infers as fast.
var cpuWheels = map[string][]wheel{
	"linux/amd64": {
		{"lammps-jax-pjrt-cpu", "0.11.2", "pjrt_c_api_cpu_plugin.so",
			"1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1"},
		{"xla-cpu-pjrt", "0.0.1", "xla_cpu_pjrt.so",
			"55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc"},
	},
	"linux/arm64": {
		{"xla-cpu-pjrt", "0.0.1", "xla_cpu_pjrt.so",
			"8f613be6e891858f40d64f9799319502fff42689661944fc18a6ffd8210b30c9"},
	},
}

// PluginDir is the folder in which go-xla looks for plug-ins and into which
// they are installed.
func PluginDir() (string, error) {
	lib, err := installer.DefaultHomeLibPath()
	if err != nil {
		return "", fmt.Errorf("finding the plug-in folder: %w", err)
	}
	lib, err = installer.ReplaceTildeInDir(lib)
	if err != nil {
		return "", fmt.Errorf("finding the plug-in folder: %w", err)
	}
	return filepath.Join(lib, "go-xla"), nil
}

// overridePlugin is the plug-in named by the environment, "" if none.
func overridePlugin() (string, error) {
	path := os.Getenv(EnvPlugin)
	if path == "" {
		return "", nil
	}
	abs, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(abs)
	}
	if err != nil {
		return "", fmt.Errorf("$%s: %w", EnvPlugin, err)
	}
	return abs, nil
}

// cpuPlugin is the path of the CPU plug-in, fetched if need be, and the wheel
// it came from.
func cpuPlugin(ctx context.Context, opts Options) (path, from string, err error) {
	if path, err = overridePlugin(); path != "" || err != nil {
		return path, "", err
	}
	wheels := cpuWheels[runtime.GOOS+"/"+runtime.GOARCH]
	if len(wheels) == 0 {
		return "", "", fmt.Errorf("%w (%s/%s)", errUnsupported, runtime.GOOS, runtime.GOARCH)
	}
	dir, err := PluginDir()
	if err != nil {
		return "", "", err
	}
	for _, w := range wheels {
		if path = filepath.Join(dir, w.file); fileExists(path) {
			return path, w.String(), nil
		}
	}
	if opts.Offline {
		return "", "", errors.New("no XLA plug-in is installed")
	}
	var failures []error
	for _, w := range wheels {
		path = filepath.Join(dir, w.file)
		if err = installWheel(ctx, w, path, opts); err == nil {
			return path, w.String(), nil
		}
		opts.logf("warning: %v", err)
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return "", "", errors.Join(failures...)
}

// installWheel fetches w and puts its plug-in at path.
func installWheel(ctx context.Context, w wheel, path string, opts Options) error {
	return withInstallLock(ctx, path, func() error {
		if fileExists(path) { // another process was faster
			return nil
		}
		opts.logf("fetching the XLA plug-in %s (about 65 MB, once)", w)
		part := path + ".part"
		defer os.Remove(part)
		err := fetchWheel(ctx, w, opts, func(file string) error { return installer.ExtractFileFromZip(file, w.file, part) })
		if err != nil {
			return err
		}
		if err := os.Rename(part, path); err != nil {
			return fmt.Errorf("installing %s: %w", w, err)
		}
		opts.logf("installed %s", path)
		return nil
	})
}

// withInstallLock runs install while no other process installs to path.
func withInstallLock(ctx context.Context, path string, install func() error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the plug-in folder: %w", err)
	}
	lock := flock.New(path + ".lock")
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return fmt.Errorf("waiting for another installation (%s.lock): %w", path, err)
	}
	defer lock.Unlock()
	return install()
}

// fetchWheel downloads w, verifies it and hands the file to unpack. The wheel
// itself is not kept.
func fetchWheel(ctx context.Context, w wheel, opts Options, unpack func(file string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	address, err := wheelURL(w)
	if err == nil {
		var file string
		if file, err = download(address, fmt.Sprintf("skinattn_%s-%s-%s.whl", w.name, w.version, runtime.GOARCH), w.sha256); err == nil {
			defer os.Remove(file)
			err = unpack(file)
		}
	}
	if err != nil {
		return fmt.Errorf("installing %s: %w", w, oneline.Error(err))
	}
	return nil
}

// wheelURL asks the package index where the file with w's digest lies.
func wheelURL(w wheel) (string, error) {
	info, err := installer.GetPipInfo(w.name)
	if err != nil {
		return "", err
	}
	for _, release := range info.Releases[w.version] {
		if strings.EqualFold(release.Digests["sha256"], w.sha256) {
			return absoluteURL(info.Info.ProjectURL, release.URL)
		}
	}
	return "", fmt.Errorf("the package index has no file of %s with SHA-256 %s", w, w.sha256)
}

// absoluteURL resolves a file's address, which mirrors of the index give
// relative to the project's page.
func absoluteURL(page, file string) (string, error) {
	base, err := url.Parse(page)
	if err != nil {
		return "", err
	}
	address, err := base.Parse(file)
	if err != nil {
		return "", err
	}
	return address.String(), nil
}

// download fetches address through go-xla's cache and verifies it; a damaged file
// left in the cache by an earlier try is removed and fetched again. go-xla
// shows its progress on standard output, which belongs to answers here.
func download(address, name, sha256 string) (file string, err error) {
	stdout := os.Stdout
	os.Stdout = os.Stderr
	defer func() { os.Stdout = stdout }()
	for range 2 {
		file, _, err = installer.DownloadURLToTemp(address, name, sha256, true, installer.Quiet)
		if err == nil {
			return file, nil
		}
		if cached, _, cacheErr := installer.GetCachePath(name); cacheErr == nil {
			os.Remove(cached)
			os.Remove(cached + ".tmp")
		}
	}
	return "", err
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
