package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/skinattn/skinattn/internal/filecache"
	"github.com/skinattn/skinattn/internal/programs"
	"github.com/skinattn/skinattn/internal/userdir"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

type doctorCommand struct {
	Fetch             bool `help:"Fetch the engine's plug-in if it is missing."`
	EmptyProgramCache bool `help:"Remove all compiled programs that were kept."`
	TidyCache         bool `help:"Remove what killed processes left in the cache folder."`
}

// finding is one line of the diagnosis.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"` // the remedy; empty if OK
}

// diagnosis is the JSON answer.
type diagnosis struct {
	Findings    []finding       `json:"findings"`
	Verdict     string          `json:"verdict"`
	Environment run.Environment `json:"environment"`
}

// Run looks at everything that the other commands use. A missing part is not a failure:
// the demo needs nothing but Go.
func (c *doctorCommand) Run(s *session) error {
	if err := engine.CheckName(s.Engine); err != nil {
		return usageError{err}
	}
	if c.EmptyProgramCache {
		if err := emptyProgramCache(s); err != nil {
			return err
		}
	}
	if c.TidyCache {
		removed := filecache.Tidy(userdir.Cache())
		s.log(fmt.Sprintf("removed %s (%.1f MB) of killed processes from %s", plural(removed.Files, "file"), float64(removed.Bytes)/1e6, userdir.Cache()))
	}
	var d diagnosis
	add := func(what string, ok bool, detail, mend string) {
		if ok {
			mend = ""
		}
		d.Findings = append(d.Findings, finding{what, ok, detail, mend})
	}

	if c.Fetch && s.Engine == engine.CUDA && !engine.GPUSeen() { // for a machine that has one, such as a container's
		if err := engine.FetchCUDA(s.ctx, engine.Options{Log: s.log}); err != nil {
			return fmt.Errorf("fetching CUDA: %w", err)
		}
	}
	eng, err := engine.Open(s.ctx, s.Engine, engine.Options{Log: s.log, Offline: !c.Fetch})
	if err != nil {
		add("engine", false, err.Error(), "choose another with --engine, or fetch the plug-in with 'skinattn doctor --fetch'")
		if eng, err = engine.Open(s.ctx, engine.Go, engine.Options{}); err != nil {
			return err
		}
	} else {
		remedy := "install a C compiler such as gcc and build again: this program was built without XLA"
		if engine.XLABuilt {
			dir, err := engine.PluginDir()
			if err != nil {
				dir = "go-xla's plug-in folder"
			}
			remedy = fmt.Sprintf("'skinattn doctor --fetch' gets the XLA plug-in (65 MB); without a network, copy it into %s or name it in $%s", dir, engine.EnvPlugin)
		}
		add("engine", eng.Kind != engine.Go, eng.String(), remedy)
	}
	add("predictions", true, predictionsBy(eng), "")
	add("devices", true, fmt.Sprintf("%d", eng.Backend.NumDevices()), "")
	gpu := "none seen"
	if engine.GPUSeen() {
		gpu = "an NVIDIA device is present; --engine cuda uses it"
	}
	add("gpu", true, gpu, "")

	detail, mend := "", "scripts/download.sh data/ham10000 fetches HAM10000 (3 GB); then set $SKINATTN_DATA to the folder; 'skinattn demo' works without it"
	data, err := ham10000.Open(s.Data)
	if err == nil {
		err = data.RequireImages(data.Records)
		detail = fmt.Sprintf("%s: %d images", data.Dir, len(data.Records))
	}
	if err != nil {
		detail = err.Error()
	}
	add("data", err == nil, detail, mend)

	for _, b := range backbone.Table {
		path, err := weights.Path(b.Name)
		if err != nil {
			continue // made without ImageNet weights
		}
		_, err = os.Stat(path)
		detail := path
		if err != nil {
			detail = "not there: " + path
		}
		add(weightsPrefix+b.Name, err == nil, detail, fmt.Sprintf("'skinattn weights fetch %s', or set $%s to a folder that has the file", b.Name, weights.EnvDir))
	}
	cacheDir := userdir.Cache()
	free, err := freeBytes(cacheDir)
	if err != nil {
		add("disk", false, err.Error(), "set $XDG_CACHE_HOME to a folder that can be written")
	} else {
		const wanted = 4 << 30
		add("disk", free > wanted, fmt.Sprintf("%.1f GB free for %s", float64(free)/1e9, cacheDir), "make room, or set $XDG_CACHE_HOME to another disk")
	}
	cachedFiles(cacheDir, add)
	keptPrograms(add)
	kernel, ok := notebookKernel()
	add("notebooks", ok, kernel, "scripts/notebooks.sh setup installs the Go kernel for Jupyter (needs Python 3)")

	d.Environment = run.CurrentEnvironment(eng.Kind, eng.Wheel)
	d.Environment.Kernels = engine.KernelsName(eng.Backend)
	d.Verdict = d.verdict(eng.Kind)
	if s.JSON {
		return s.answer(d)
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for _, f := range d.Findings {
		mark := "ok"
		if !f.OK {
			mark = "--"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", mark, f.What, f.Detail)
		if f.Mend != "" {
			fmt.Fprintf(table, "\t\t  %s\n", f.Mend)
		}
	}
	fmt.Fprintf(table, "ok\tprogram\t%s\nok\tversions\t%s\n", programOf(d.Environment), modulesOf(d.Environment))
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.stdout, "\nverdict: "+d.Verdict)
	return err
}

// verdict says in one sentence what works on this machine now, and what to do first.
func (d *diagnosis) verdict(kind string) string {
	missing := map[string]bool{}
	weights := 0
	for _, f := range d.Findings {
		missing[f.What] = !f.OK
		if f.OK && strings.HasPrefix(f.What, weightsPrefix) {
			weights++
		}
	}
	var text string
	switch {
	case missing["disk"]:
		text = "little room on the disk: see above"
	case missing["data"]:
		text = "ready for 'skinattn demo'; HAM10000 is not there, without which no real photo can be trained on"
	case weights == 0:
		text = "ready to evaluate and predict; 'skinattn weights fetch mobilenet_v2' comes before training from ImageNet"
	default:
		text = fmt.Sprintf("ready to train: data, and ImageNet weights of %s", plural(weights, "network"))
	}
	if missing["engine"] {
		text += "; with the pure Go engine, which is many times slower than XLA: see 'engine' above"
	} else if kind == engine.CUDA {
		text += "; on the GPU"
	}
	return text
}

// weightsPrefix begins the names of the findings about ImageNet weights.
const weightsPrefix = "weights "

// cachedFiles tells about the caches of photos and features.
func cachedFiles(dir string, add func(what string, ok bool, detail, mend string)) {
	entries, _ := os.ReadDir(dir) // none if there is no folder yet
	files, size := 0, int64(0)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasSuffix(entry.Name(), filecache.Extension) {
			files, size = files+1, size+info.Size()
		}
	}
	detail := fmt.Sprintf("%s of resized photos and features, %.1f GB in %s", plural(files, "file"), float64(size)/1e9, dir)
	left := filecache.Leftovers(dir)
	if left.Files > 0 {
		detail += fmt.Sprintf("; and %s (%.1f MB) of processes that build or were killed", plural(left.Files, "file"), float64(left.Bytes)/1e6)
	}
	add("cached files", left.Files == 0, detail, "'skinattn doctor --tidy-cache' removes what killed processes left")
}

// keptPrograms tells about the cache of compiled programs.
func keptPrograms(add func(what string, ok bool, detail, mend string)) {
	const what = "program cache"
	cache, err := programs.Open()
	switch {
	case errors.Is(err, programs.ErrOff):
		add(what, true, err.Error(), "")
		return
	case err != nil:
		add(what, false, err.Error(), "correct the variable or unset it: programs are compiled anew in every process")
		return
	}
	used, err := cache.Usage()
	if err != nil {
		add(what, false, err.Error(), fmt.Sprintf("set $%s to a folder that can be written", programs.EnvFolder))
		return
	}
	add(what, true, fmt.Sprintf("%s compiled for the CPU, %.1f MB of at most %.0f MB in %s", plural(used.Programs, "program"), float64(used.Bytes)/1e6, float64(cache.Limit)/1e6, cache.Dir), "")
}

// emptyProgramCache removes all compiled programs.
func emptyProgramCache(s *session) error {
	cache, err := programs.Open()
	if err != nil {
		return fmt.Errorf("the program cache: %w", err)
	}
	removed, err := cache.Empty()
	if err != nil {
		return fmt.Errorf("emptying the program cache: %w", err)
	}
	s.log(fmt.Sprintf("removed %s (%.1f MB) from %s", plural(removed.Programs, "compiled program"), float64(removed.Bytes)/1e6, cache.Dir))
	return nil
}

// predictionsBy says what computes predictions.
func predictionsBy(eng *engine.Engine) string {
	if name := engine.KernelsName(eng.Backend); name != "" {
		return fmt.Sprintf("vector kernels (%s); $%s=off has the engine compute them", name, engine.EnvKernels)
	}
	if eng.Kind == engine.CUDA {
		return "the engine"
	}
	if os.Getenv(engine.EnvKernels) != "" {
		return fmt.Sprintf("the engine, as $%s says", engine.EnvKernels)
	}
	return "the engine: this processor has neither AVX2 with FMA nor AVX-512"
}
