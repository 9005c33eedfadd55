package run

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Environment is environment.json: the machine and the program that made a run.
type Environment struct {
	Go       string            `json:"go"`
	OS       string            `json:"os"`
	Arch     string            `json:"arch"`
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	Engine   string            `json:"engine"`             // engine.CUDA, CPU or Go; "none" for an imported run
	Plugin   string            `json:"plugin,omitempty"`   // PJRT plug-in and its version
	Devices  int               `json:"devices,omitempty"`  // that shared the batches; 0: one
	Kernels  string            `json:"kernels,omitempty"`  // vector instructions that computed predictions; empty: the engine did
	Version  string            `json:"version,omitempty"`  // of this module, where Go knows it
	Commit   string            `json:"commit,omitempty"`   // of this module
	Modified bool              `json:"modified,omitempty"` // the commit had uncommitted changes on top
	Modules  map[string]string `json:"modules"`
	// Resumptions are in order of time; empty for a run that was trained in one go.
	Resumptions []Resumption `json:"resumptions,omitempty"`
}

// Resumption says where a run went on, on what, and what may make it differ from an
// uninterrupted run.
type Resumption struct {
	Epoch int `json:"epoch"` // epochs finished before
	Step  int `json:"step"`  // updates made before
	// Environment is the machine and the program that went on.
	Environment Environment `json:"environment"`
	// Notes are sentences: another engine, lost checkpoints.
	Notes []string `json:"notes,omitempty"`
}

// Caveats are the notes of all resumptions, each with its place.
func (e Environment) Caveats() (notes []string) {
	for _, r := range e.Resumptions {
		for _, note := range r.Notes {
			notes = append(notes, fmt.Sprintf("resumed after epoch %d, step %d: %s", r.Epoch, r.Step, note))
		}
	}
	return notes
}

// Caveats are the caveats of a run's network: how the run was resumed, or that this is not
// known. A folder without EnvironmentFile has none.
func (f *Folder) Caveats() []string {
	environment, err := f.Environment()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []string{fmt.Sprintf("it is not known whether the run was resumed: %v", err)}
	}
	return environment.Caveats()
}

// Computes names engine, plug-in, processor and the numbers of devices and cores, which
// decide about the last digits of computed numbers: sums are divided among them.
func (e Environment) Computes() string {
	engine := e.Engine
	if e.Plugin != "" {
		engine += " (" + e.Plugin + ")"
	}
	if e.Devices > 1 {
		engine = fmt.Sprintf("%d devices of %s", e.Devices, engine)
	}
	return fmt.Sprintf("%s on %d cores of %s (%s)", engine, e.Cores, cmp.Or(e.CPU, "an unknown processor"), e.Arch)
}

// Predicts names what computed predictions: the engine, or vector kernels, which all give the same bits.
func (e Environment) Predicts() string {
	if e.Kernels != "" {
		return "vector kernels"
	}
	return "the engine"
}

// RecordedModules are the paths of the modules whose versions decide about numbers.
func RecordedModules() []string {
	return []string{"github.com/gomlx/gomlx", "github.com/gomlx/compute", "github.com/gomlx/go-xla", "gonum.org/v1/gonum"}
}

// CurrentEnvironment describes this process and the machine that it runs on;
// engine and plugin are the fields Engine and Plugin.
func CurrentEnvironment(engine, plugin string) Environment {
	env := Environment{
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPU: cpuModel(), Cores: runtime.NumCPU(),
		Engine: engine, Plugin: plugin,
		Modules: map[string]string{},
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return env
	}
	if info.Main.Version != "(devel)" {
		env.Version = info.Main.Version
	}
	for _, dep := range info.Deps {
		if slices.Contains(RecordedModules(), dep.Path) {
			env.Modules[dep.Path] = dep.Version
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			env.Commit = s.Value
		case "vcs.modified":
			env.Modified = s.Value == "true"
		}
	}
	if env.Commit == "" { // 'go run' leaves it out
		env.Commit, env.Modified = workingCommit()
	}
	return env
}

// Environment reads environment.json.
func (f *Folder) Environment() (Environment, error) {
	var e Environment
	text, err := f.readFile(EnvironmentFile)
	if err == nil {
		err = f.decode(EnvironmentFile, text, &e)
	}
	return e, err
}

// AddResumption adds a resumption to environment.json. A file that is missing or damaged
// is replaced by one that says so in the resumption's notes.
func (f *Folder) AddResumption(r Resumption) error {
	e, err := f.Environment()
	if err != nil {
		e = Environment{}
		r.Notes = append(r.Notes, fmt.Sprintf("what the run began with is not known: %v", err))
	}
	e.Resumptions = append(e.Resumptions, r)
	return f.WriteEnvironment(e)
}

// WriteEnvironment writes environment.json.
func (f *Folder) WriteEnvironment(e Environment) error { return f.writeJSON(EnvironmentFile, e) }

// workingCommit asks git about the working folder if it is this module's and the program
// was built from it just now, by 'go run'. A program that was built before need not be of
// the commit that the folder has today.
func workingCommit() (commit string, modified bool) {
	program, err := os.Executable()
	if err != nil || !builtByGoRun(program) {
		return "", false
	}
	if _, err := os.Stat("cmd/skinattn/main.go"); err != nil {
		return "", false
	}
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "", false
	}
	status, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output()
	return strings.TrimSpace(string(head)), err == nil && len(status) > 0
}

// cpuModel is the processor's name where the system tells it.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// builtByGoRun reports whether a program lies in a folder that 'go run' builds in.
func builtByGoRun(program string) bool {
	return strings.Contains(program, string(filepath.Separator)+"go-build")
}
