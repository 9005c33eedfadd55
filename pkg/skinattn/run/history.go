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

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// Epoch is a row of history.csv and of history-recall.csv. The JSON names are the
// columns. What a file lacks is NaN, or nil.
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
	// ValRecall is by class, in class order; nil where the validation part has
	// none of a class.
	ValRecall []*float64 `json:"val_recall,omitempty"`
}

// ValRecallByClass goes through the recalls that are defined.
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

// Columns returns the names and values of the columns of history.csv that any
// epoch has, in the file's order.
func Columns(rows []Epoch) (names []string, values map[string][]float64) {
	values = map[string][]float64{}
	for i, name := range historyColumns {
		var column []float64
		for _, r := range rows {
			v := float64(r.Epoch)
			if i > 0 {
				v = reflect.ValueOf(r).Field(i).Float()
			}
			column = append(column, v)
		}
		if slices.ContainsFunc(column, func(v float64) bool { return !math.IsNaN(v) }) {
			names, values[name] = append(names, name), column
		}
	}
	return names, values
}

// historyColumns are the columns of history.csv: the fields of Epoch but for the
// last one.
var historyColumns = func() (names []string) {
	t := reflect.TypeFor[Epoch]()
	for i := range t.NumField() - 1 {
		names = append(names, t.Field(i).Tag.Get("json"))
	}
	return names
}()

// recallColumns are the columns of history-recall.csv.
var recallColumns = append([]string{historyColumns[0]}, ham10000.Classes...)

// WriteHistory writes history.csv and, beside it, history-recall.csv: the
// validation recall of each class by epoch, empty where it is not known.
func (f *Folder) WriteHistory(rows []Epoch) error {
	history, recalls := [][]string{historyColumns}, [][]string{recallColumns}
	for _, r := range rows {
		record, fields := []string{strconv.Itoa(r.Epoch)}, reflect.ValueOf(r)
		for i := 1; i < len(historyColumns); i++ {
			record = append(record, number(fields.Field(i).Float()))
		}
		history = append(history, record)
		record = make([]string, len(recallColumns))
		record[0] = strconv.Itoa(r.Epoch)
		for i, recall := range r.ValRecall {
			if recall != nil {
				record[1+i] = number(*recall)
			}
		}
		recalls = append(recalls, record)
	}
	return errors.Join(f.writeTable(HistoryFile, history), f.writeTable(RecallFile, recalls))
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 7, 64) }

func (f *Folder) writeTable(name string, rows [][]string) error {
	return atomicfile.WriteFile(f.Path(name), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}

// History reads history.csv and, where it is there, history-recall.csv, which runs
// of before it lack.
func (f *Folder) History() ([]Epoch, error) {
	rows, err := f.readHistory()
	if err != nil {
		return nil, err
	}
	epoch := make(map[int]*Epoch, len(rows))
	for i := range rows {
		epoch[rows[i].Epoch] = &rows[i]
	}
	err = f.readTable(RecallFile, recallColumns, nil, func(n int, values map[string]float64) error {
		r := epoch[n]
		if r == nil {
			return csvtable.Errorf(recallColumns[0], "%s has no epoch %d", HistoryFile, n)
		}
		r.ValRecall = make([]*float64, len(ham10000.Classes))
		for i, class := range ham10000.Classes {
			if v := values[class]; !math.IsNaN(v) {
				r.ValRecall[i] = &v
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return rows, nil
}

func (f *Folder) readHistory() (rows []Epoch, err error) {
	err = f.readTable(HistoryFile, historyColumns[:1], historyColumns[1:], func(n int, values map[string]float64) error {
		r := Epoch{Epoch: n}
		fields := reflect.ValueOf(&r).Elem()
		for i := 1; i < len(historyColumns); i++ {
			fields.Field(i).SetFloat(values[historyColumns[i]])
		}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// readTable reads a table of numbers whose first required column is the epoch. A
// cell that is empty, and a column that is missing, is NaN.
func (f *Folder) readTable(name string, required, optional []string, row func(epoch int, values map[string]float64) error) error {
	err := csvtable.ReadFile(f.Path(name), func(t *csvtable.Reader) error {
		at, err := t.Columns(required, optional...)
		if err != nil {
			return err
		}
		return t.Each(func(cells []string) error {
			values := map[string]float64{}
			for _, column := range slices.Concat(required, optional) {
				values[column] = math.NaN()
				if i, ok := at[column]; ok && strings.TrimSpace(cells[i]) != "" {
					v, err := strconv.ParseFloat(cells[i], 64)
					if err != nil {
						return csvtable.Errorf(column, "%q is not a number", cells[i])
					}
					values[column] = v
				}
			}
			epoch := values[required[0]]
			if epoch != math.Trunc(epoch) || epoch < 1 {
				return csvtable.Errorf(required[0], "the epoch is %g; it must be a whole number from 1", epoch)
			}
			return row(int(epoch), values)
		})
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading history: %w", err)
	}
	return f.missing(name, err)
}
