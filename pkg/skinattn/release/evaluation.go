package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// EvaluationsFile has the metrics of the model card: of the validation part, of subgroups
// of it, and of test sets.
const EvaluationsFile = "evaluations.json"

// Evaluation has the metrics of some predictions, as the network made them, without
// calibration.
type Evaluation struct {
	// Set is the part or test set: "val" for predictions-val.csv.
	Set string `json:"set"`
	// Group and Value are a subgroup, such as sex and female; empty for the whole set.
	Group string `json:"group,omitempty"`
	Value string `json:"value,omitempty"`
	// Images and Lesions count; where no lesion is known each image counts as one.
	Images  int `json:"images"`
	Lesions int `json:"lesions"`
	// Metrics are estimates by the paths of eval.Metrics. An undefined one is missing.
	Metrics map[string]Estimate `json:"metrics"`
}

// Estimate is a metric with its 95 % interval. The ends are NaN, and null in JSON, where
// the interval is not defined.
type Estimate struct{ Value, Low, High float64 }

// MarshalJSON writes [value, low, high].
func (e Estimate) MarshalJSON() ([]byte, error) {
	numbers := []*float64{&e.Value, &e.Low, &e.High}
	for i, v := range numbers {
		if math.IsNaN(*v) {
			numbers[i] = nil
		}
	}
	return json.Marshal(numbers)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Estimate) UnmarshalJSON(text []byte) error {
	var numbers []*float64
	if err := json.Unmarshal(text, &numbers); err != nil {
		return err
	}
	if len(numbers) != 3 {
		return fmt.Errorf("an estimate has %d numbers; it must have 3", len(numbers))
	}
	for i, to := range []*float64{&e.Value, &e.Low, &e.High} {
		*to = math.NaN()
		if numbers[i] != nil {
			*to = *numbers[i]
		}
	}
	return nil
}

// metrics are the paths of a whole set, and of a subgroup.
func metrics(group bool) []string {
	paths := []string{"accuracy", "balanced_accuracy", "auroc_macro", eval.GroupPath("malignant", "recall"), eval.GroupPath("malignant", "specificity"), eval.GroupPath("malignant", "auroc")}
	if group {
		return paths
	}
	paths = append(paths, "macro_f1", "ap_macro", "mcc")
	for _, class := range ham10000.Classes {
		for _, metric := range []string{"precision", "recall", "specificity", "f1", "auroc"} {
			paths = append(paths, eval.ClassPath(class, metric))
		}
	}
	return paths
}

// evaluator computes evaluations; resamples is the number of bootstrap resamples.
type evaluator struct{ resamples int }

// evaluate computes the metrics of a table with intervals from resampled lesions.
func (ev evaluator) evaluate(ctx context.Context, set, group, value string, table *eval.Table) (Evaluation, error) {
	e := Evaluation{Set: set, Group: group, Value: value, Images: table.Len() - table.Unknown(), Metrics: map[string]Estimate{}}
	rows := table.Predictions()
	lesions := map[string]bool{}
	for i, id := range rows.ImageIDs {
		if rows.Truth[i] == eval.TruthUnknown {
			continue
		}
		if len(rows.LesionIDs) != 0 && rows.LesionIDs[i] != "" {
			id = rows.LesionIDs[i]
		}
		lesions[id] = true
	}
	e.Lesions = len(lesions)
	opts := eval.DefaultOptions()
	opts.Resamples = ev.resamples
	m, err := eval.Evaluate(ctx, table, opts)
	if err != nil {
		return e, fmt.Errorf("evaluating %s %s: %w", set, value, err)
	}
	for _, path := range metrics(group != "") {
		v, known := m.Value(path)
		if !known || math.IsNaN(v) {
			continue
		}
		estimate := Estimate{v, math.NaN(), math.NaN()}
		if ci, ok := m.CI[path]; ok && e.Lesions > 1 { // all resamples of one lesion are equal
			estimate.Low, estimate.High = ci.Low, ci.High
		}
		e.Metrics[path] = estimate
	}
	return e, nil
}

// subgroup is a group of patients.
type subgroup struct {
	group, value string
	has          func(ham10000.Record) bool
}

// subgroups are the groups of the model card.
func subgroups() (groups []subgroup) {
	for _, age := range ham10000.AgeGroups() {
		groups = append(groups, subgroup{"age", age, func(r ham10000.Record) bool { return r.AgeGroup() == age }})
	}
	for _, sex := range ham10000.Sexes {
		groups = append(groups, subgroup{"sex", sex, func(r ham10000.Record) bool { return r.Sex == sex }})
	}
	return groups
}

// all computes the evaluations of a run, whose metadata are in data.
func (ev evaluator) all(ctx context.Context, folder *run.Folder, data *ham10000.Dataset) ([]Evaluation, error) {
	val, err := folder.Predictions(split.Val)
	if err != nil {
		return nil, err
	}
	whole, err := ev.evaluate(ctx, string(split.Val), "", "", val)
	if err != nil {
		return nil, err
	}
	evaluations := []Evaluation{whole}
	records := map[string]ham10000.Record{}
	for _, r := range data.Records {
		records[r.ImageID] = r
	}
	ids := val.Predictions().ImageIDs
	for _, id := range ids {
		if _, ok := records[id]; !ok {
			return nil, fmt.Errorf("image %s of %s is not in %s", id, folder.Path(run.PredictionsFile(split.Val)), data.MetadataFile)
		}
	}
	for _, g := range subgroups() {
		part := val.Where(func(i int) bool { return g.has(records[ids[i]]) })
		if part.Len() == 0 {
			continue
		}
		e, err := ev.evaluate(ctx, string(split.Val), g.group, g.value, part)
		if err != nil {
			return nil, err
		}
		evaluations = append(evaluations, e)
	}
	sets, err := testSets(folder)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		table, err := eval.ReadPredictions(folder.Path(run.PredictionsFile(split.Part(set))))
		if err != nil {
			return nil, err
		}
		e, err := ev.evaluate(ctx, set, "", "", table)
		if err != nil {
			return nil, err
		}
		evaluations = append(evaluations, e)
	}
	return evaluations, nil
}

// testSets are the names of the predictions that a run has beside those of its own parts,
// sorted: "official-val" for predictions-official-val.csv. The part test is one of them if
// its photos are not the validation photos.
func testSets(folder *run.Folder) ([]string, error) {
	entries, err := folder.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("looking for predictions: %w", err)
	}
	var sets []string
	prefix, suffix, _ := strings.Cut(run.PredictionsFile("*"), "*")
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), prefix)
		set, csv := strings.CutSuffix(name, suffix)
		if !ok || !csv || set == string(split.Val) || !entry.Type().IsRegular() {
			continue
		}
		if set == string(split.Test) {
			same, err := sameFiles(folder, run.PredictionsFile(split.Val), entry.Name())
			if err != nil {
				return nil, err
			}
			if same {
				continue
			}
		}
		sets = append(sets, set)
	}
	slices.Sort(sets)
	return sets, nil
}

func sameFiles(folder *run.Folder, a, b string) (bool, error) {
	first, err := folder.ReadFile(a)
	second, err2 := folder.ReadFile(b)
	return bytes.Equal(first, second), errors.Join(err, err2)
}

// readEvaluations reads EvaluationsFile.
func readEvaluations(folder *run.Folder) ([]Evaluation, error) {
	text, err := folder.ReadFile(EvaluationsFile)
	if err != nil {
		return nil, err
	}
	var evaluations []Evaluation
	if err := json.Unmarshal(text, &evaluations); err != nil {
		return nil, fmt.Errorf("reading %s: %w", folder.Path(EvaluationsFile), err)
	}
	return evaluations, nil
}

// writeEvaluations writes EvaluationsFile, a line for each metric.
func writeEvaluations(dir string, evaluations []Evaluation) error {
	return atomicfile.WriteFile(filepath.Join(dir, EvaluationsFile), func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", " ")
		return encoder.Encode(evaluations)
	})
}
