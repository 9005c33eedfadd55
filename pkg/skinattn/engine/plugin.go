package engine

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gomlx/go-xla/installer"

	"github.com/skinattn/skinattn/internal/programs"
)

// cpuWheel is a wheel whose plug-in is known.
type cpuWheel struct {
	wheel
	size   int64  // of the plug-in in bytes
	plugin string // its SHA-256
}

// cpuWheels has the plug-ins by platform, the preferred one first. The first
// x86-64 wheel trains three times faster than the second and infers as fast.
var cpuWheels = map[string][]cpuWheel{
	"linux/amd64": {
		{wheel{"lammps-jax-pjrt-cpu", "0.11.2", "pjrt_c_api_cpu_plugin.so",
			"1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1"},
			201_600_336, "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2"},
		{wheel{"xla-cpu-pjrt", "0.0.1", "xla_cpu_pjrt.so",
			"55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc"},
			259_284_552, "88c3f28c5900f48ad4a82cab9e79bba9537809743395e341485f8794268820dc"},
	},
	"linux/arm64": {
		{wheel{"xla-cpu-pjrt", "0.0.1", "xla_cpu_pjrt.so",
			"8f613be6e891858f40d64f9799319502fff42689661944fc18a6ffd8210b30c9"},
			200_328_224, "fcf411f3e8ff635c2b2cf87215aa7016f460e66d236c3db08309e7486583532d"},
	},
}

// platformWheels are the wheels for this platform.
func platformWheels() []cpuWheel { return cpuWheels[runtime.GOOS+"/"+runtime.GOARCH] }

// PluginDir returns the folder in which go-xla looks for plug-ins and into which
// this package installs them.
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

// overridePlugin returns the plug-in that $SKINATTN_PJRT_PLUGIN names, "" if the
// variable is empty.
func overridePlugin() (string, error) {
	path := os.Getenv(EnvPlugin)
	if path == "" {
		return "", nil
	}
	abs, err := filepath.Abs(path)
	if err == nil {
		err = checkPlugin(abs, platformWheels())
	}
	if err != nil {
		return "", fmt.Errorf("$%s: %w; name a whole plug-in or unset the variable", EnvPlugin, err)
	}
	return abs, nil
}

// cpuPlugin returns the path of the CPU plug-in, fetched if need be, and the wheel
// it came from.
func cpuPlugin(ctx context.Context, opts Options) (path, from string, err error) {
	if path, err = overridePlugin(); path != "" || err != nil {
		return path, "", err
	}
	wheels := platformWheels()
	if len(wheels) == 0 {
		return "", "", fmt.Errorf("%w (%s/%s)", ErrPlatform, runtime.GOOS, runtime.GOARCH)
	}
	dir, err := PluginDir()
	if err != nil {
		return "", "", err
	}
	for _, w := range wheels {
		path = filepath.Join(dir, w.file)
		if !fileExists(path) {
			continue
		}
		err := checkPlugin(path, wheels)
		if err == nil {
			return path, w.String(), nil
		}
		if opts.Offline {
			return "", "", err
		}
		opts.logf("warning: %v; it is fetched again", err)
		if err := os.Remove(path); err != nil {
			return "", "", err
		}
	}
	if opts.Offline {
		return "", "", ErrNotInstalled
	}
	var failures []error
	for _, w := range wheels {
		path = filepath.Join(dir, w.file)
		if err = installCPU(ctx, w.wheel, path, opts); err == nil {
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

// installCPU fetches w and puts its plug-in at path.
func installCPU(ctx context.Context, w wheel, path string, opts Options) error {
	return install(ctx, path, path, []wheel{w}, opts, "the XLA plug-in "+w.String()+" (about 65 MB, once)",
		func(files []string, part string) error { return installer.ExtractFileFromZip(files[0], w.file, part) })
}

// checkPlugin returns an error if a plug-in is damaged: the system maps it into memory, and
// the process would die of missing pages or of wrong instructions. A file of the length of a
// known plug-in has its SHA-256; of others, which users bring along, the tables are checked.
func checkPlugin(path string, known []cpuWheel) error {
	if err := checkWhole(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	for _, w := range known {
		if w.size != info.Size() {
			continue
		}
		sum, err := programs.FileSHA256(path)
		if err != nil {
			return err
		}
		if sum != w.plugin {
			return fmt.Errorf("the plug-in %s is damaged: it is as long as that of %s and has another SHA-256", path, w)
		}
	}
	return nil
}

// checkWhole returns an error if a Linux plug-in is cut short or no library at all.
func checkWhole(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || runtime.GOOS != "linux" {
		return err
	}
	library, err := elf.NewFile(file) // reads the tables at both ends of the file
	if err != nil {
		return fmt.Errorf("the plug-in %s is damaged: %w", path, err)
	}
	size := uint64(info.Size())
	for _, part := range library.Progs {
		if part.Off > size || part.Filesz > size-part.Off {
			return fmt.Errorf("the plug-in %s is damaged: it is cut short after %d bytes", path, size)
		}
	}
	return nil
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
