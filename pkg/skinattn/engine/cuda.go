package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gomlx/go-xla/installer"
)

// cudaWheel is JAX's CUDA plug-in, of the same release as the CPU plug-in.
var cudaWheel = wheel{"jax-cuda13-pjrt", "0.11.2", "xla_cuda_plugin.so",
	"e5ff589d43064913bb74027682d89639c7ea48f9f81c2bae6fc75117e913f93e"}

// cudaLibraries are the NVIDIA libraries that the plug-in needs, all of one CUDA
// release. The folder "nvidia" in each wheel is unpacked whole.
var cudaLibraries = []wheel{
	{"nvidia-cublas", "13.10.0.20", "nvidia", "dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84"},
	{"nvidia-cuda-cupti", "13.5.25", "nvidia", "9dcca41c12a734192b14e7128ae116bc9ce1b9da686e2ebf48ae7a4415f76650"},
	{"nvidia-cuda-nvcc", "13.5.37", "nvidia", "f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7"},
	{"nvidia-cuda-runtime", "13.5.37", "nvidia", "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d"},
	{"nvidia-cudnn-cu13", "9.28.1.4", "nvidia", "a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec"},
	{"nvidia-cufft", "12.5.0.14", "nvidia", "b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad"},
	{"nvidia-cusolver", "12.4.1.2", "nvidia", "b3b8e02fd2f2df869369af075dc3a179d43f6f7b85e94632a7dce556697be044"},
	{"nvidia-cusparse", "12.9.4.2", "nvidia", "072667e58c851a318738f5527a12eb225cbf058803f2ea451c722d8cf8edddec"},
	{"nvidia-nccl-cu13", "2.32.3", "nvidia", "1459723080ac889d73a26edfa3e04383a7928ab31ac8f0ec43b3ea9548b04ff3"},
	{"nvidia-nvjitlink", "13.5.37", "nvidia", "280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb"},
	{"nvidia-cuda-nvrtc", "13.5.37", "nvidia", "86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc"},
	{"nvidia-nvshmem-cu13", "3.8.0", "nvidia", "81a4d1f666543e6d34df6d2ff940c7da1435e34e186aab6f3c2b48861b64ef38"},
	{"nvidia-nvvm", "13.5.37", "nvidia", "c41bfa362e407405163f103c2229f0765f8cc2ed7d148b754dc77f228bf7e070"},
}

// cudaPluginFile is the file name by which go-xla recognises the plug-in; the
// plug-in finds the libraries beside it.
const cudaPluginFile = "pjrt_c_api_cuda_plugin.so"

// cudaPlugin returns the path of the CUDA plug-in, fetched with its libraries if
// need be (about 2.5 GB), and the wheel it came from.
func cudaPlugin(ctx context.Context, opts Options) (path, from string, err error) {
	if path, err = overridePlugin(); path != "" || err != nil {
		return path, "", err
	}
	if !GPUSeen() {
		return "", "", ErrNoGPU
	}
	return installedCUDA(ctx, opts)
}

// FetchCUDA installs the CUDA plug-in with its libraries, if it is not there,
// without starting it: the machine need not have a GPU, as where a container's
// image is built.
func FetchCUDA(ctx context.Context, opts Options) error {
	if _, _, err := installedCUDA(ctx, opts); err != nil {
		return &UnavailableError{CUDA, err}
	}
	return nil
}

// cudaPlatform reports whether the CUDA plug-in is published for this platform.
func cudaPlatform() bool { return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" }

// installedCUDA does the work of cudaPlugin for a machine that may lack a GPU.
func installedCUDA(ctx context.Context, opts Options) (path, from string, err error) {
	if !cudaPlatform() {
		return "", "", fmt.Errorf("%w: the CUDA engine runs on linux/amd64 only, this is %s/%s", ErrPlatform, runtime.GOOS, runtime.GOARCH)
	}
	dir, err := PluginDir()
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, "nvidia", cudaPluginFile)
	if fileExists(path) {
		return path, cudaWheel.String(), nil
	}
	if opts.Offline {
		return "", "", fmt.Errorf("%w for CUDA", ErrNotInstalled)
	}
	return path, cudaWheel.String(), installCUDA(ctx, dir, opts)
}

// installCUDA puts the plug-in and NVIDIA's libraries into the folder nvidia in dir.
func installCUDA(ctx context.Context, dir string, opts Options) error {
	what := fmt.Sprintf("CUDA for XLA: %s and NVIDIA's libraries (about 2.5 GB, once)", cudaWheel)
	final := filepath.Join(dir, "nvidia")
	unpack := func(files []string, part string) error {
		for i, w := range cudaLibraries {
			if err := installer.ExtractDirFromZip(files[i], w.file, part); err != nil {
				return fmt.Errorf("%s: %w", w, err)
			}
		}
		if err := installer.ExtractFileFromZip(files[len(cudaLibraries)], cudaWheel.file, filepath.Join(part, cudaPluginFile)); err != nil {
			return err
		}
		return linkCUDA(dir, part)
	}
	return install(ctx, final, filepath.Join(final, cudaPluginFile), append(slices.Clone(cudaLibraries), cudaWheel), opts, what, unpack)
}

// linkCUDA makes the links through which NVIDIA's libraries find each other, as
// go-xla's own installer does: ptxas in part's folder bin, cuBLAS in the folder
// above dir.
func linkCUDA(dir, part string) error {
	bin := filepath.Join(part, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join("..", "cu13", "bin", "ptxas"), filepath.Join(bin, "ptxas")); err != nil {
		return err
	}
	for _, name := range []string{"libcublasLt.so.13", "libcublas.so.13"} {
		link := filepath.Join(filepath.Dir(dir), name)
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Symlink(filepath.Join("go-xla", "nvidia", "cu13", "lib", name), link); err != nil {
			return err
		}
	}
	return nil
}
