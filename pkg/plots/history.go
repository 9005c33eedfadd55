package plots

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// History is the record of a training run: named columns with a value for each
// epoch, as in a run folder's history.csv.
type History struct {
	// Columns are the names in file order; "epoch" is one of them.
	Columns []string
	// Values holds each column; an empty cell is NaN.
	Values map[string][]float64
}

// Columns of a history that the figures use.
const (
	EpochColumn         = "epoch"
	SecondsColumn       = "seconds"
	LearningRateColumn  = "learning_rate"
	TrainLossColumn     = "train_loss"
	TrainAccuracyColumn = "train_accuracy"
	ValLossColumn       = "val_loss"
	ValAccuracyColumn   = "val_accuracy"
)

// ReadHistory reads the history.csv at path. Errors name path, row and column.
func ReadHistory(path string) (*History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", err)
	}
	defer f.Close()
	h, err := ParseHistory(f)
	if err != nil {
		return nil, fmt.Errorf("reading history: %s: %w", path, err)
	}
	return h, nil
}

// ParseHistory reads a CSV with a header that has the column epoch, and numbers
// (or nothing) below.
func ParseHistory(r io.Reader) (*History, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("empty file: the header is missing")
	}
	if err != nil {
		return nil, err
	}
	h := &History{Columns: header, Values: make(map[string][]float64, len(header))}
	if !slices.Contains(header, EpochColumn) {
		return nil, fmt.Errorf("row 1: the header %s has no column %s", strings.Join(header, ","), EpochColumn)
	}
	for _, name := range header {
		if _, twice := h.Values[name]; twice {
			return nil, fmt.Errorf("row 1: column %s is there twice", name)
		}
		h.Values[name] = nil
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil {
			return nil, err
		}
		for i, text := range record {
			v := math.NaN()
			if text != "" {
				if v, err = strconv.ParseFloat(text, 64); err != nil {
					line, _ := in.FieldPos(i)
					return nil, fmt.Errorf("row %d, column %s: %q is not a number", line, header[i], text)
				}
			}
			h.Values[header[i]] = append(h.Values[header[i]], v)
		}
	}
}

// Len returns the number of epochs.
func (h *History) Len() int { return len(h.Values[EpochColumn]) }

// BestEpoch returns the epoch of the highest validation accuracy, the first on
// a tie (as a checkpoint that is kept only when it is better), and false if
// none is recorded.
func (h *History) BestEpoch() (epoch float64, ok bool) {
	best := math.Inf(-1)
	for i, v := range h.Values[ValAccuracyColumn] {
		if v > best {
			best, epoch, ok = v, h.Values[EpochColumn][i], true
		}
	}
	return epoch, ok
}

// Median returns the median of a column, such as the seconds of an epoch; NaN if
// it has no value.
func (h *History) Median(column string) float64 {
	values := slices.DeleteFunc(slices.Clone(h.Values[column]), math.IsNaN)
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}
