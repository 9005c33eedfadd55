package engine

import (
	"context"
	"errors"
	"path/filepath"
)

func cudaPlugin(ctx context.Context, opts Options) (path, from string, err error) {
	if !GPUSeen() {
		return "", "", errors.New("no NVIDIA GPU was found (no /dev/nvidia*); use --engine cpu")
	}
	if path, err = overridePlugin(); path != "" || err != nil {
		return path, "", err
	}
	dir, err := PluginDir()
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, "nvidia", "pjrt_c_api_cuda_plugin.so")
	return path, "", nil
}
