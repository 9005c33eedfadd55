package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// number is a float64 that writes NaN as null in JSON.
type number float64

// MarshalJSON implements [json.Marshaler].
func (v number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(v)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(v))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (v *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*v = number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(v))
}

// MarshalJSON writes an interval as [low, high], and an undefined one as null.
func (ci Interval) MarshalJSON() ([]byte, error) {
	if !ci.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal([2]float64{ci.Low, ci.High})
}

// UnmarshalJSON reads the output of [Interval.MarshalJSON].
func (ci *Interval) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*ci = undefinedInterval
		return nil
	}
	var ends []float64
	if err := json.Unmarshal(text, &ends); err != nil {
		return err
	}
	if len(ends) != 2 {
		return fmt.Errorf("interval %s: need [low, high]", text)
	}
	*ci = Interval{ends[0], ends[1]}
	return nil
}

// object is a JSON object whose members keep their order, which a Go map would not.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON implements [json.Marshaler].
func (o object) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, m := range o {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.key, err)
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, key...), ':'), value...)
	}
	return append(text, '}'), nil
}

// with adds a list of texts, unless it is empty.
func (o object) with(key string, texts []string) object {
	if len(texts) > 0 {
		o = append(o, member{key, texts})
	}
	return o
}

// numbers returns the metrics of a T as members.
func numbers[T, S any](metrics []metric[T, S], of *T) object {
	var o object
	for _, s := range metrics {
		o = append(o, member{s.name, number(*s.of(of))})
	}
	return o
}

// MarshalJSON writes m in the form of metrics.json: keys in a fixed order,
// undefined values as null, per_class and ci as objects in class order.
func (m *Metrics) MarshalJSON() ([]byte, error) {
	var classes, groups, intervals object
	for _, r := range m.rows() {
		values := numbers(classMetrics, r.ClassMetrics)
		var youden any
		if !math.IsNaN(r.Youden.Threshold) {
			youden = numbers(youdenParts, &r.Youden)
		}
		values = append(values, member{"youden", youden}, member{"support", r.Support})
		if r.group {
			members := m.Groups[len(groups)].Members
			groups = append(groups, member{r.Class, append(object{{"classes", members}}, values...)})
		} else {
			classes = append(classes, member{r.Class, values})
		}
	}
	for _, path := range m.Paths() {
		if ci, ok := m.CI[path]; ok {
			intervals = append(intervals, member{path, ci})
		}
	}
	undefined := m.Undefined
	if undefined == nil {
		undefined = map[string]string{} // {} rather than null: nothing is undefined
	}
	return slices.Concat(
		object{{"n", m.N}, {"n_unknown", m.Unknown}, {"classes", m.Classes}},
		numbers(overallMetrics, m),
		object{
			{"confusion", m.Confusion}, {"per_class", classes}, {"groups", groups},
			{"brier_decomposition", numbers(brierParts, &m.BrierParts)},
			{"ci", intervals}, {"bootstrap", m.Bootstrap}, {"undefined", undefined},
		}.with("notes", m.Notes)).MarshalJSON()
}

// UnmarshalJSON reads the output of [Metrics.MarshalJSON]. Metrics that every
// metrics.json has are required; metrics that older files lack are NaN.
func (m *Metrics) UnmarshalJSON(text []byte) error {
	var head struct {
		N         int                        `json:"n"`
		Unknown   int                        `json:"n_unknown"`
		Classes   []string                   `json:"classes"`
		Confusion Confusion                  `json:"confusion"`
		PerClass  map[string]json.RawMessage `json:"per_class"`
		Groups    json.RawMessage            `json:"groups"`
		Brier     map[string]json.RawMessage `json:"brier_decomposition"`
		CI        map[string]Interval        `json:"ci"`
		Bootstrap *BootstrapInfo             `json:"bootstrap"`
		Undefined map[string]string          `json:"undefined"`
		Notes     []string                   `json:"notes"`
	}
	var values map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, &head), json.Unmarshal(text, &values)); err != nil {
		return err
	}
	if len(head.Confusion) != len(head.Classes) || len(head.PerClass) != len(head.Classes) {
		return fmt.Errorf("metrics: %d classes, but %d rows of confusion and %d of per_class", len(head.Classes), len(head.Confusion), len(head.PerClass))
	}
	for _, row := range head.Confusion {
		if len(row) != len(head.Classes) {
			return fmt.Errorf("metrics: confusion is not square")
		}
	}
	read := newMetrics(head.Classes, nil)
	read.N, read.Unknown = head.N, head.Unknown
	read.Confusion, read.Bootstrap, read.Undefined = head.Confusion, head.Bootstrap, head.Undefined
	read.Notes = head.Notes
	if len(head.CI) > 0 {
		read.CI = head.CI
	}
	if err := readNumbers(overallMetrics, read, values, ""); err != nil {
		return err
	}
	for _, r := range read.rows() {
		raw, ok := head.PerClass[r.Class]
		if !ok {
			return fmt.Errorf("metrics: per_class.%s is missing", r.Class)
		}
		if err := r.read(raw); err != nil {
			return err
		}
	}
	if err := read.readGroups(head.Groups); err != nil {
		return err
	}
	if err := readNumbers(brierParts, &read.BrierParts, head.Brier, "brier_decomposition."); err != nil {
		return err
	}
	read.explainMissing()
	read.dropFalseIntervals()
	*m = *read
	return nil
}

// dropFalseIntervals takes out intervals that an older file has and that this package
// does not give any more (see [Replicates.Interval]), with the reason.
func (m *Metrics) dropFalseIntervals() {
	drop := func(path, reason string) {
		if ci, ok := m.CI[path]; ok && ci.Defined() && reason != "" {
			m.CI[path], m.Undefined["ci."+path] = undefinedInterval, reason
		}
	}
	for _, s := range overallMetrics {
		drop(s.name, s.noInterval)
	}
	if m.Bootstrap != nil && m.Bootstrap.Units == 1 {
		for path := range m.CI {
			drop(path, oneUnit(m.Bootstrap.Unit).Error())
		}
	}
}

// explainMissing gives a reason for values that an older file lacks.
func (m *Metrics) explainMissing() {
	if m.Undefined == nil {
		m.Undefined = make(map[string]string)
	}
	paths := m.Paths()
	for i, v := range m.Values() {
		if _, ok := m.Undefined[paths[i]]; !ok && math.IsNaN(v) {
			m.Undefined[paths[i]] = "not in the file"
		}
	}
}

// readNumbers fills the metrics of a T from the members of a JSON object; null, or a
// member that an older file lacks, is NaN.
func readNumbers[T, S any](metrics []metric[T, S], of *T, values map[string]json.RawMessage, path string) error {
	for _, row := range metrics {
		text, ok := values[row.name]
		switch {
		case !ok && !row.later:
			return fmt.Errorf("metrics: %s%s is missing", path, row.name)
		case !ok:
			*row.of(of) = math.NaN()
		default:
			if err := (*number)(row.of(of)).UnmarshalJSON(text); err != nil {
				return fmt.Errorf("metrics: %s%s: %w", path, row.name, err)
			}
		}
	}
	return nil
}

// read fills the metrics of a class or group.
func (r row) read(text json.RawMessage) error {
	var head struct {
		Youden  map[string]json.RawMessage `json:"youden"`
		Support int                        `json:"support"`
	}
	var values map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, &head), json.Unmarshal(text, &values)); err != nil {
		return fmt.Errorf("metrics: %s: %w", r.path(""), err)
	}
	r.Support = head.Support
	if err := readNumbers(classMetrics, r.ClassMetrics, values, r.path("")); err != nil {
		return err
	}
	return readNumbers(youdenParts, &r.Youden, head.Youden, r.path("youden."))
}

// readGroups fills Groups, in the order of the file.
func (m *Metrics) readGroups(text json.RawMessage) error {
	if len(text) == 0 {
		return nil
	}
	in := json.NewDecoder(bytes.NewReader(text))
	if _, err := in.Token(); err != nil {
		return fmt.Errorf("metrics: groups: %w", err)
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return fmt.Errorf("metrics: groups: %w", err)
		}
		var raw json.RawMessage
		var members struct {
			Classes []string `json:"classes"`
		}
		if err := in.Decode(&raw); err != nil {
			return fmt.Errorf("metrics: groups: %w", err)
		}
		if err := json.Unmarshal(raw, &members); err != nil {
			return fmt.Errorf("metrics: groups: %w", err)
		}
		g := GroupMetrics{Members: members.Classes, ClassMetrics: ClassMetrics{Class: fmt.Sprint(name)}}
		if err := (row{&g.ClassMetrics, true}).read(raw); err != nil {
			return err
		}
		m.Groups = append(m.Groups, g)
	}
	return nil
}

// brokenArray matches an array of numbers that json.Indent spread over lines.
// No JSON string can match, as its line ends are escaped.
var brokenArray = regexp.MustCompile(`\[\n[-+0-9.e,\s]*\]`)

// WriteJSON writes m as indented JSON, with each matrix row and interval on one line.
func (m *Metrics) WriteJSON(w io.Writer) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	text = brokenArray.ReplaceAllFunc(text, func(array []byte) []byte {
		return bytes.ReplaceAll(bytes.Join(bytes.Fields(array), nil), []byte(","), []byte(", "))
	})
	_, err = w.Write(append(text, '\n'))
	return err
}

// WriteFile writes m as indented JSON to path in one step.
func (m *Metrics) WriteFile(path string) error {
	return atomicfile.WriteFile(path, m.WriteJSON)
}

// ReadMetrics reads the metrics.json at path.
func ReadMetrics(path string) (*Metrics, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	return ParseMetrics(text, path)
}

// ParseMetrics reads the text of a metrics.json; errors call the file name.
func ParseMetrics(text []byte, name string) (*Metrics, error) {
	m := new(Metrics)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("reading metrics: %s: %w", name, err)
	}
	return m, nil
}
