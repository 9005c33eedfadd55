package run

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Epoch is a row of history.csv and of history-recall.csv. The JSON names are the
// columns. A value that the files lack is NaN or nil.
type Epoch struct {
	Epoch                int     `json:"epoch"` // from 1
	Seconds              float64 `json:"seconds"`
	LearningRate         float64 `json:"learning_rate"`
	TrainLoss            float64 `json:"train_loss"` // class-weighted, with dropout, as Keras logs it
	TrainAccuracy        float64 `json:"train_accuracy"`
	ValLoss              float64 `json:"val_loss"` // unweighted
	ValAccuracy          float64 `json:"val_accuracy"`
	ValBalancedAccuracy  float64 `json:"val_balanced_accuracy"`
	TrainImagesPerSecond float64 `json:"train_images_per_second"`
	InputWait            float64 `json:"input_wait"` // share of the training time spent waiting for images
	// ValRecall is in class order, nil for a class without images in the validation
	// part.
	ValRecall []*float64 `json:"val_recall,omitempty"`
}

// ValRecallByClass yields the defined recalls.
func (e Epoch) ValRecallByClass() iter.Seq2[string, float64] {
	return func(yield func(class string, recall float64) bool) {
		for i, recall := range e.ValRecall {
			if recall != nil && !yield(ham10000.Classes[i], *recall) {
				return
			}
		}
	}
}

// BestEpoch is the epoch of the highest validation accuracy, the first one on a
// tie, and 0 if none is recorded.
func BestEpoch(rows []Epoch) int {
	best, epoch := math.Inf(-1), 0
	for _, r := range rows {
		if r.ValAccuracy > best {
			best, epoch = r.ValAccuracy, r.Epoch
		}
	}
	return epoch
}

// KeptEpoch is the epoch whose weights the run keeps to predict with: the last one, or
// BestEpoch, as the regime says; 0 without epochs.
func (c Config) KeptEpoch(rows []Epoch) int {
	if c.Regime != nil && c.Regime.Select == spec.SelectLast && len(rows) > 0 {
		return rows[len(rows)-1].Epoch
	}
	return BestEpoch(rows)
}

// Median is the median over the epochs of a value, NaN if no epoch has it.
func Median(rows []Epoch, of func(Epoch) float64) float64 {
	var values []float64
	for _, r := range rows {
		if v := of(r); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
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

// historyColumns are the columns of history.csv: the fields of Epoch except the last.
var historyColumns = func() (names []string) {
	t := reflect.TypeFor[Epoch]()
	for i := range t.NumField() - 1 {
		names = append(names, t.Field(i).Tag.Get("json"))
	}
	return names
}()

// recallColumns are the columns of history-recall.csv.
var recallColumns = append([]string{historyColumns[0]}, ham10000.Classes...)

// numbers are the fields of historyColumns after the first.
func (e *Epoch) numbers() []*float64 {
	fields, numbers := reflect.ValueOf(e).Elem(), make([]*float64, len(historyColumns)-1)
	for i := range numbers {
		numbers[i] = fields.Field(i + 1).Addr().Interface().(*float64)
	}
	return numbers
}

// LastEpoch is the number of the last epoch in history.csv, 0 before there is one. It is what a look
// at thousands of runs has time for: History reads and checks everything.
func (f *Folder) LastEpoch() (int, error) {
	text, err := f.ReadFile(HistoryFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	rows := strings.TrimSpace(string(text))
	last := rows[strings.LastIndexByte(rows, '\n')+1:]
	number, _, _ := strings.Cut(last, ",")
	if number == historyColumns[0] {
		return 0, nil
	}
	epoch, err := strconv.Atoi(number)
	if err != nil || !strings.HasPrefix(rows, historyColumns[0]+",") {
		return 0, fmt.Errorf("%s: its last row has no number of an epoch", f.Path(HistoryFile))
	}
	return epoch, nil
}

// Columns returns the names and values of the columns of history.csv that any
// epoch has, in the file's order.
func Columns(rows []Epoch) (names []string, values map[string][]float64) {
	values = map[string][]float64{}
	for _, r := range rows {
		values[historyColumns[0]] = append(values[historyColumns[0]], float64(r.Epoch))
		for i, v := range r.numbers() {
			values[historyColumns[i+1]] = append(values[historyColumns[i+1]], *v)
		}
	}
	for _, name := range historyColumns {
		if slices.ContainsFunc(values[name], func(v float64) bool { return !math.IsNaN(v) }) {
			names = append(names, name)
		} else {
			delete(values, name)
		}
	}
	return names, values
}

// WriteHistory writes history.csv and, beside it, history-recall.csv: the
// validation recall of each class by epoch, empty where it is not known.
func (f *Folder) WriteHistory(rows []Epoch) error {
	if err := f.Writable(); err != nil {
		return err
	}
	return errors.Join(
		f.writeTable(HistoryFile, historyColumns, rows, (*Epoch).numbers),
		f.writeTable(RecallFile, recallColumns, rows, func(e *Epoch) []*float64 { return e.ValRecall }))
}

// writeTable writes a row for each epoch: its number and its values. The cells of nil
// and of missing values are empty.
func (f *Folder) writeTable(name string, columns []string, rows []Epoch, values func(*Epoch) []*float64) error {
	table := [][]string{columns}
	for _, r := range rows {
		record := make([]string, len(columns))
		record[0] = strconv.Itoa(r.Epoch)
		for i, v := range values(&r) {
			if v != nil {
				record[i+1] = strconv.FormatFloat(*v, 'g', 7, 64)
			}
		}
		table = append(table, record)
	}
	return atomicfile.WriteFile(f.Path(name), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(table) })
}

// History reads history.csv and history-recall.csv, which older runs lack.
func (f *Folder) History() (rows []Epoch, err error) {
	err = f.readTable(HistoryFile, historyColumns[:1], historyColumns[1:], func(n int, values []float64) error {
		r := Epoch{Epoch: n}
		for i, v := range r.numbers() {
			*v = values[i]
		}
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = f.readTable(RecallFile, recallColumns, nil, func(n int, values []float64) error {
		at := slices.IndexFunc(rows, func(r Epoch) bool { return r.Epoch == n })
		if at < 0 {
			return csvtable.Errorf(recallColumns[0], "%s has no epoch %d", HistoryFile, n)
		}
		rows[at].ValRecall = make([]*float64, len(values))
		for i, v := range values {
			if !math.IsNaN(v) {
				rows[at].ValRecall[i] = &v
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return rows, nil
}

// readTable reads a table of numbers, the epoch in the first required column, and
// gives each row to a function. Empty cells and missing columns are NaN.
func (f *Folder) readTable(name string, required, optional []string, row func(epoch int, values []float64) error) error {
	err := f.readTableFile(name, func(t *csvtable.Reader) error {
		at, err := t.Columns(required, optional...)
		if err != nil {
			return err
		}
		return t.Each(func(cells []string) error {
			var values []float64
			for _, column := range slices.Concat(required, optional) {
				v := math.NaN()
				if i, ok := at[column]; ok && strings.TrimSpace(cells[i]) != "" {
					var err error
					if v, err = strconv.ParseFloat(cells[i], 64); err != nil {
						return csvtable.Errorf(column, "%w", csvtable.NotNumber(cells[i], "a number"))
					}
				}
				values = append(values, v)
			}
			epoch := values[0]
			if epoch != math.Trunc(epoch) || epoch < 1 {
				return csvtable.Errorf(required[0], "the epoch is %g; it must be a whole number from 1", epoch)
			}
			return row(int(epoch), values[1:])
		})
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading history: %w", err)
	}
	return f.missing(name, err)
}
