package sweep

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// PlanOptions are the options of Estimate.
type PlanOptions struct {
	Device Device
	// Price of an hour of the device, in any currency; 0: costs are not told.
	Price float64
	// AtOnce is the number of devices that train at the same time; 0: one.
	AtOnce int
	// Data are the photos; nil: HAM10000.
	Data *ham10000.Dataset
}

// Seconds are the parts of a cell's time.
type Seconds struct {
	Photos   float64 `json:"photos"`   // decoding them once, and opening the result
	Features float64 `json:"features"` // of a frozen backbone, computed once
	Compile  float64 `json:"compile"`  // programs, or loading them
	Train    float64 `json:"train"`    // steps
	Validate float64 `json:"validate"`
	Save     float64 `json:"save"` // checkpoints
	Test     float64 `json:"test"` // final predictions of all views, and metrics
}

// Sum is the whole time.
func (s Seconds) Sum() float64 {
	return s.Photos + s.Features + s.Compile + s.Train + s.Validate + s.Save + s.Test
}

// CellPlan is what a cell will take.
type CellPlan struct {
	Name string `json:"name"`
	// Epochs are the least, if the training stops as early as it can, and the most.
	Epochs [2]int `json:"epochs"`
	// Seconds are the least and the most.
	Seconds [2]float64 `json:"seconds"`
	// Parts make up the most.
	Parts         Seconds `json:"parts"`
	StepsPerEpoch int     `json:"steps_per_epoch"`
	StepSeconds   float64 `json:"step_seconds"`
	// ImageSeconds is the time of predicting an image.
	ImageSeconds float64 `json:"image_seconds"`
	// MemoryBytes is for the process, without the photos that it maps; 0 if not known.
	MemoryBytes int64 `json:"memory_bytes"`
	PhotoBytes  int64 `json:"photo_bytes"` // of the resized photos, which it maps
	// Basis says what the times rest on, of steps and of predictions.
	Basis struct {
		Train, Infer string
	} `json:"basis"`
	// Within is the factor by which such estimates were off at most, where that is known: 1
	// where all is measured, 0 where it is not known.
	Within float64 `json:"within"`

	label string // network, regime and options
}

// Plan is what a sweep will take.
type Plan struct {
	Device string     `json:"device"`
	Cells  []CellPlan `json:"cells"`
	// Hours of the device are the least and the most.
	Hours [2]float64  `json:"hours"`
	Cost  *[2]float64 `json:"cost,omitempty"`
	// WallHours are the hours until all is done, AtOnce cells at a time.
	WallHours [2]float64 `json:"wall_hours"`
	AtOnce    int        `json:"at_once"`
	Longest   string     `json:"longest"`
	// SlurmTime and SlurmMemory are limits to ask for: the longest cell by the most that the
	// estimate allows, in whole quarters of an hour, and the largest.
	SlurmTime   string `json:"slurm_time"`
	SlurmMemory string `json:"slurm_memory,omitempty"`
	// Missing says what was not measured, and how it could be.
	Missing []Missing `json:"missing"`
}

// Missing is work that was not measured.
type Missing struct {
	What    string   `json:"what"`
	Cells   int      `json:"cells"`
	Basis   string   `json:"basis"`             // what the estimate takes instead
	Command []string `json:"command,omitempty"` // arguments of 'bench' that measure it
}

// Estimate says what the cells of a sweep will take on a device. The first cell that needs
// them makes the resized photos, the features and, but on CUDA, the programs; the others load
// them.
func Estimate(cells []Cell, opts PlanOptions) (*Plan, error) {
	s, err := newSpeeds(opts.Device)
	if err != nil {
		return nil, err
	}
	e := &estimator{speeds: s, opts: opts, costs: map[costKey]*cost{}, parts: map[partsKey]Parts{}, made: map[any]bool{}, missing: map[string]*Missing{}}
	p := &Plan{Device: opts.Device.Title, AtOnce: max(1, opts.AtOnce), Missing: []Missing{}, Cells: make([]CellPlan, 0, len(cells))}
	longest, memory, slurm := -1.0, int64(0), 0.0
	for i := range cells {
		c, err := e.cell(&cells[i])
		if err != nil {
			return nil, fmt.Errorf("estimating the cell %s: %w", cells[i].Name, err)
		}
		p.Cells = append(p.Cells, c)
		for k := range p.Hours {
			p.Hours[k] += c.Seconds[k] / 3600
		}
		if c.Seconds[1] > longest {
			longest, p.Longest = c.Seconds[1], c.Name
		}
		slurm = max(slurm, c.Seconds[1]*max(1, c.Within))
		memory = max(memory, c.MemoryBytes)
	}
	for k, hours := range p.Hours {
		p.WallHours[k] = hours / float64(p.AtOnce)
	}
	p.WallHours[1] = max(p.WallHours[1], longest/3600)
	if opts.Price > 0 {
		p.Cost = &[2]float64{p.Hours[0] * opts.Price, p.Hours[1] * opts.Price}
	}
	p.SlurmTime = slurmTime(slurm)
	if memory > 0 {
		p.SlurmMemory = fmt.Sprintf("%dG", int64(math.Ceil(memoryMargin*float64(memory)/(1<<30)))) // Slurm's G are 2^30
	}
	for _, key := range slices.Sorted(maps.Keys(e.missing)) {
		p.Missing = append(p.Missing, *e.missing[key])
	}
	return p, nil
}

// memoryMargin is the most memory that a run took beyond the estimate, which does not count what
// compiling the smaller last batch and writing checkpoints take: ten runs had .93 to 1.49 times
// as much (bench/measured/plan.csv).
const memoryMargin = 1.5

// slurmTime writes seconds, rounded up to quarters of an hour, as sbatch takes them.
func slurmTime(seconds float64) string {
	t := time.Duration(math.Ceil(seconds/900)) * 15 * time.Minute
	hours := int(t.Hours())
	if hours < 24 {
		return fmt.Sprintf("%d:%02d:00", hours, int(t.Minutes())%60)
	}
	return fmt.Sprintf("%d-%02d:%02d:00", hours/24, hours%24, int(t.Minutes())%60)
}
