package sweep

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Device is what is known of the speed of a device: measurements, or published numbers of
// others.
type Device struct {
	Name  string
	Title string
	// Results are what 'skinattn bench' measured there.
	Results []bench.Result
	// published are trainings of the networks elsewhere, scaled to the device.
	published []published
}

// published is a training that others measured.
type published struct {
	backbone, precision string
	size, batch         int
	seconds             float64 // of a step
	derived             bool    // scaled by the peaks of two GPUs
}

//go:embed devices
var deviceFiles embed.FS

// gpuTable is the file of GPUs.
type gpuTable struct {
	GPUs []struct {
		Name, Title string
		Float32     float64 `json:"float32_tflops"`
		BFloat16    float64 `json:"bfloat16_tflops"`
		Bandwidth   float64 `json:"bandwidth_gbs"`
		Source      string
		ResNet50    []struct {
			Precision string
			Speed     float64 `json:"images_per_second"`
			Source    string
		}
	}
	Networks struct {
		Source   string
		Training []struct {
			Backbone    string
			Size, Batch int
			Speed       float64 `json:"images_per_second"`
		}
	}
}

// Devices are the devices of the table: a file of measurements of 'skinattn bench' for each
// CPU, and the GPUs, none of which this project has measured.
var Devices = sync.OnceValue(func() (all []Device) {
	entries, err := deviceFiles.ReadDir("devices")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, e := range entries {
		text, err := deviceFiles.ReadFile("devices/" + e.Name())
		if err != nil {
			panic(err)
		}
		if e.Name() == "gpus.json" {
			all = append(all, gpus(text)...)
			continue
		}
		var file struct {
			Title   string
			Results []bench.Result
		}
		if err := json.Unmarshal(text, &file); err != nil {
			panic(fmt.Sprintf("%s: %v", e.Name(), err))
		}
		all = append(all, Device{Name: strings.TrimSuffix(e.Name(), ".json"), Title: file.Title, Results: file.Results})
	}
	return all
})

// gpus reads the table of GPUs. A GPU without a published training of ResNet50 in a precision
// gets that of the first GPU with one, times the smaller of the ratios of their peaks and
// of their memories' speeds. The other networks are to ResNet50 as on the GPU on which all
// were measured.
func gpus(text []byte) (all []Device) {
	var table gpuTable
	if err := json.Unmarshal(text, &table); err != nil {
		panic(fmt.Sprintf("the table of GPUs: %v", err))
	}
	reference := 0.0 // ResNet50 where all networks were measured
	for _, n := range table.Networks.Training {
		if n.Backbone == "resnet50" {
			reference = n.Speed
		}
	}
	for _, gpu := range table.GPUs {
		d := Device{Name: gpu.Name, Title: gpu.Title}
		for _, precision := range []string{"", spec.BFloat16} {
			peak := gpu.Float32
			if precision != "" {
				peak = gpu.BFloat16
			}
			speed, derived := 0.0, false
			for _, r := range gpu.ResNet50 {
				if r.Precision == precision {
					speed = r.Speed
				}
			}
			for _, other := range table.GPUs {
				for _, r := range other.ResNet50 {
					otherPeak := other.Float32
					if precision != "" {
						otherPeak = other.BFloat16
					}
					if speed == 0 && r.Precision == precision && peak > 0 && otherPeak > 0 {
						speed, derived = r.Speed*min(peak/otherPeak, gpu.Bandwidth/other.Bandwidth), true
					}
				}
			}
			if speed == 0 {
				continue
			}
			for _, n := range table.Networks.Training {
				d.published = append(d.published, published{n.Backbone, precision, n.Size, n.Batch, float64(n.Batch) / (n.Speed * speed / reference), derived})
			}
		}
		all = append(all, d)
	}
	return all
}

// FindDevice returns the named device of the table.
func FindDevice(name string) (Device, error) {
	for _, d := range Devices() {
		if d.Name == name {
			return d, nil
		}
	}
	return Device{}, fmt.Errorf("device %q is not in the table; choose one of %s", name, strings.Join(DeviceNames(), ", "))
}

// DeviceNames are the names of the devices of the table.
func DeviceNames() (names []string) {
	for _, d := range Devices() {
		names = append(names, d.Name)
	}
	return names
}

// BenchError says that a file has no measurements of 'skinattn bench --json'.
type BenchError struct {
	Path string
	Err  error
}

func (e *BenchError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *BenchError) Unwrap() error { return e.Err }

// ReadBench reads files with what 'skinattn bench --json' answered, one answer after the
// other, or what scripts/check-gpu.sh wrote. All must be of one engine. An error about their content is a *BenchError.
func ReadBench(paths ...string) (all []bench.Result, err error) {
	engine := ""
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		before := len(all)
		decoder := json.NewDecoder(bytes.NewReader(text))
		for {
			var answer json.RawMessage
			if err := decoder.Decode(&answer); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, &BenchError{path, fmt.Errorf("it is no JSON: %w", err)}
			}
			all = append(all, resultsIn(answer)...)
		}
		if len(all) == before {
			return nil, &BenchError{path, errors.New("it has no measurement of 'skinattn bench --json'")}
		}
		for _, r := range all[before:] {
			if err := usable(r); err != nil {
				return nil, &BenchError{path, err}
			}
			if engine != "" && r.Engine != "" && r.Engine != engine {
				return nil, &BenchError{path, fmt.Errorf("it has measurements of the engine %s beside those of %s", r.Engine, engine)}
			}
			engine = cmp.Or(r.Engine, engine)
		}
		if _, err := newSpeeds(Device{Results: all[before:]}); err != nil { // options that make no network
			return nil, &BenchError{path, err}
		}
	}
	return all, nil
}

// resultsIn are the results in an answer: one, a list, or those of the steps of a check.
func resultsIn(answer json.RawMessage) (results []bench.Result) {
	add := func(text json.RawMessage) {
		var some []bench.Result
		if json.Unmarshal(text, &some) != nil {
			var one bench.Result
			if json.Unmarshal(text, &one) != nil {
				return
			}
			some = []bench.Result{one}
		}
		for _, r := range some {
			if r.Mode != "" {
				results = append(results, r)
			}
		}
	}
	if add(answer); len(results) > 0 {
		return results
	}
	var check struct {
		Results json.RawMessage
		Steps   []struct{ Values json.RawMessage }
	}
	if json.Unmarshal(answer, &check) == nil {
		if len(check.Results) > 0 {
			add(check.Results)
		}
		for _, s := range check.Steps {
			if len(s.Values) > 0 {
				add(s.Values)
			}
		}
	}
	return results
}

// maxSeconds is above any time that is measured, and keeps sums finite.
const maxSeconds = 1e7

// usable returns an error for a result that tells no time.
func usable(r bench.Result) error {
	if r.Mode == bench.Host {
		if r.Host == nil || r.Size < 1 {
			return fmt.Errorf("a result of mode %s lacks its numbers", r.Mode)
		}
		for i, h := 0, reflect.ValueOf(*r.Host); i < h.NumField(); i++ {
			if f := h.Field(i); f.CanFloat() && !(f.Float() >= 0 && f.Float() <= maxSeconds) {
				return fmt.Errorf("a result of mode %s has a time of %v seconds", r.Mode, f.Float())
			}
		}
		return nil
	}
	if !slices.Contains(bench.Modes, r.Mode) {
		return fmt.Errorf("mode %q of a result is unknown", r.Mode)
	}
	if _, err := backbone.Find(r.Backbone); err != nil {
		return err
	}
	if len(r.StepSeconds) == 0 || !(slices.Min(r.StepSeconds) > 0) || r.Batch < 1 || r.Size < 1 {
		return fmt.Errorf("a result of %s has no steps, or no size", r.Backbone)
	}
	if !(slices.Max(r.StepSeconds) <= maxSeconds && r.CompileSeconds >= 0 && r.CompileSeconds <= maxSeconds) {
		return fmt.Errorf("a result of %s has impossible times", r.Backbone)
	}
	if r.Precision != "" && r.Precision != spec.BFloat16 {
		return fmt.Errorf("a result of %s has the precision %q, which is unknown", r.Backbone, r.Precision)
	}
	return nil
}
