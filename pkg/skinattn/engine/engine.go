package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// Names of the engines.
const (
	Auto = "auto" // the first that works of CUDA, CPU, Go
	CUDA = "cuda" // XLA on an NVIDIA GPU
	CPU  = "cpu"  // XLA on the CPU
	Go   = "go"   // GoMLX's pure Go backend
)

// Names lists the names that Open accepts.
var Names = []string{Auto, CUDA, CPU, Go}

// Environment variables that override the defaults.
const (
	EnvEngine = "SKINATTN_ENGINE"      // an engine's name, in place of auto
	EnvPlugin = "SKINATTN_PJRT_PLUGIN" // path of a PJRT plug-in to use for cpu or cuda
)

// Engine is a running backend with its description.
type Engine struct {
	// Backend is not embedded: GoMLX compares backends by identity, so an Engine
	// must not be usable as a backend.
	Backend compute.Backend
	Kind    string // CUDA, CPU or Go
	Plugin  string // path of the PJRT plug-in, empty for Go
	Wheel   string // name and version of the pinned wheel the plug-in came from, empty if unknown
	Devices int    // that share the batches of a training, as Options.Devices asked for; at least 1
	// Passed has the engines that auto could not start before this one.
	Passed []*UnavailableError
}

// String describes the engine in one line.
func (e *Engine) String() string {
	if e.Kind == Go {
		return "go (GoMLX's pure Go backend)"
	}
	from := cmp.Or(e.Wheel, filepath.Base(e.Plugin))
	if e.Devices > 1 {
		from += fmt.Sprintf(", %d devices", e.Devices)
	}
	return fmt.Sprintf("%s (XLA, %s)", e.Kind, from)
}

// Options of Open.
type Options struct {
	// Log receives progress lines and warnings for people; nil drops them.
	Log func(line string)
	// Offline forbids fetching a plug-in that is not installed yet.
	Offline bool
	// CompileAnew compiles every program, and keeps none, in place of loading programs
	// that an earlier process compiled for the CPU. The first engine of a process that
	// uses a plug-in decides.
	CompileAnew bool
	// Devices is the number of devices that are to share the batches of a training; 0: one.
	// On the CPU they are virtual: the same cores compute.
	Devices int
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// Open starts the engine called name; an empty name means $SKINATTN_ENGINE, or
// auto. A plug-in that is missing is fetched first. With auto, an engine that
// can't start is passed over with one warning to opts.Log and stands in
// Engine.Passed; with any other name the error is an [*UnavailableError]. An engine
// with fewer devices than Options.Devices can't be used: a [*DevicesError], also with
// auto, which does not pass over GPUs because they are few.
//
// Before it loads the CPU plug-in, Open adds flags to the process's environment
// variable XLA_FLAGS: the plug-in reads flags from nowhere else. A value that the
// user gives a flag there wins. go-xla itself sets TF_CPP_MIN_LOG_LEVEL to 3, unless
// it is set, in every program that imports it, so that XLA does not report on
// standard error.
func Open(ctx context.Context, name string, opts Options) (*Engine, error) {
	if name == "" {
		name = os.Getenv(EnvEngine)
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	name = strings.ToLower(name)
	if openers[name] == nil {
		return openAuto(ctx, opts)
	}
	eng, err := opts.open(ctx, name)
	if err != nil {
		return nil, &UnavailableError{name, err}
	}
	return eng, nil
}

// open starts the engine called name, with the devices that o asks for.
func (o Options) open(ctx context.Context, name string) (*Engine, error) {
	eng, err := openers[name](ctx, o)
	if err != nil {
		return nil, err
	}
	eng.Devices = max(1, o.Devices)
	if have := eng.Backend.NumDevices(); have < eng.Devices {
		eng.Backend.Finalize()
		return nil, &DevicesError{Engine: name, Devices: eng.Devices, Have: have}
	}
	return eng, nil
}

var openers = map[string]func(context.Context, Options) (*Engine, error){CUDA: openCUDA, CPU: openCPU, Go: openGo}

// Versions says by name what the engines of this program compute with: wheels with plug-ins, which are fetched
// on first use. Engines that the program lacks, or that the platform has no plug-in for, are left out.
func Versions() map[string]string {
	versions := map[string]string{Go: "GoMLX's pure Go backend"}
	if !XLABuilt {
		return versions
	}
	if wheels := platformWheels(); len(wheels) > 0 {
		versions[CPU] = "XLA, " + wheels[0].String()
	}
	if cudaPlatform() {
		versions[CUDA] = "XLA, " + cudaWheel.String()
	}
	return versions
}

// CheckName returns an error unless name, in letters of any case, is one of Names or
// empty.
func CheckName(name string) error {
	if name == "" || slices.Contains(Names, strings.ToLower(name)) {
		return nil
	}
	return fmt.Errorf("engine %q is unknown; choose one of %s", name, strings.Join(Names, ", "))
}

func openAuto(ctx context.Context, opts Options) (*Engine, error) {
	var passed []*UnavailableError
	for _, kind := range []string{CUDA, CPU, Go} {
		if kind == CUDA && !GPUSeen() {
			continue
		}
		eng, err := opts.open(ctx, kind)
		if err == nil {
			eng.Passed = passed
			return eng, nil
		}
		if few, ok := errors.AsType[*DevicesError](err); ok {
			return nil, &UnavailableError{kind, few}
		}
		passed = append(passed, &UnavailableError{kind, err})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case kind == Go:
		case kind == CUDA:
			opts.logf("warning: the GPU can't be used (%v); going on with the CPU", err)
		case errors.Is(err, ErrNotBuilt):
			opts.logf("note: %v; using the slower pure Go engine", err)
		case errors.Is(err, ErrPlatform):
			opts.logf("note: there is no XLA plug-in for %s/%s; using the slower pure Go engine", runtime.GOOS, runtime.GOARCH)
		default:
			opts.logf("warning: XLA can't be used (%v); using the pure Go engine, which is much slower", err)
		}
	}
	return nil, passed[len(passed)-1]
}

// openGo starts GoMLX's own backend. Operations run one after the other, each on all
// cores: two large products that run in parallel can wait for each other's workers
// for ever (compute v0.1.5: Pool.Saturate called from a worker).
func openGo(context.Context, Options) (*Engine, error) {
	backend, err := gobackend.New("ops_sequential")
	if err != nil {
		return nil, fmt.Errorf("starting the pure Go engine: %w", err)
	}
	return &Engine{Backend: backend, Kind: Go}, nil
}

func openCPU(ctx context.Context, opts Options) (*Engine, error) {
	if !XLABuilt {
		return nil, ErrNotBuilt
	}
	plugin, wheel, err := cpuPlugin(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := setFlags(xlaFlags[wheel].list(wideVectors())); err != nil {
		return nil, err
	}
	// One device uses all cores, and several share them. The plug-in would show four.
	return openXLA(CPU, plugin, wheel, map[string]any{"cpu_device_count": int64(max(1, opts.Devices))}, opts)
}

func openCUDA(ctx context.Context, opts Options) (*Engine, error) {
	if !XLABuilt {
		return nil, ErrNotBuilt
	}
	plugin, wheel, err := cudaPlugin(ctx, opts)
	if err != nil {
		return nil, err
	}
	// float32 throughout: TF32 would cost the agreement with Keras.
	return openXLA(CUDA, plugin+",tf32=false,preallocate=false", wheel, nil, opts)
}

// GPUSeen reports whether an NVIDIA driver's device file is present.
func GPUSeen() bool {
	matches, err := filepath.Glob("/dev/nvidia[0-9]*")
	return err == nil && len(matches) > 0
}
