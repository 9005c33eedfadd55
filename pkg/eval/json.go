package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// number is a float64 whose NaN is null in JSON.
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
	if math.IsNaN(ci.Low) || math.IsNaN(ci.High) {
		return []byte("null"), nil
	}
	return json.Marshal([2]float64{ci.Low, ci.High})
}

// UnmarshalJSON reads what [Interval.MarshalJSON] writes.
func (ci *Interval) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*ci = Interval{math.NaN(), math.NaN()}
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

// object writes a JSON object whose keys keep the order they are added in,
// which a Go map would not.
type object struct {
	bytes.Buffer
	err error
}

func (o *object) add(key string, value any) {
	name, err := json.Marshal(key)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			o.WriteByte("{,"[min(o.Len(), 1)])
			o.Write(name)
			o.WriteByte(':')
			o.Write(text)
		}
	}
	if o.err == nil {
		o.err = err
	}
}

// addObject adds a finished object.
func (o *object) addObject(key string, value *object) {
	text, err := value.close()
	if o.err == nil {
		o.err = err
	}
	o.add(key, text)
}

func (o *object) close() (json.RawMessage, error) {
	if o.Len() == 0 {
		o.WriteByte('{')
	}
	o.WriteByte('}')
	return o.Bytes(), o.err
}

// MarshalJSON writes m in the form of metrics.json: keys in a fixed order,
// undefined values as null, per_class and ci as objects in class order.
func (m *Metrics) MarshalJSON() ([]byte, error) {
	var o object
	o.add("n", m.N)
	o.add("n_unknown", m.Unknown)
	o.add("classes", m.Classes)
	for _, s := range overallMetrics {
		o.add(s.name, number(*s.of(m)))
	}
	o.add("confusion", m.Confusion)
	var classes object
	for k := range m.PerClass {
		c := &m.PerClass[k]
		var values object
		c.addTo(&values)
		classes.addObject(c.Class, &values)
	}
	o.addObject("per_class", &classes)
	var groups object
	for g := range m.Groups {
		c := &m.Groups[g]
		var values object
		values.add("classes", c.Members)
		c.addTo(&values)
		groups.addObject(c.Class, &values)
	}
	o.addObject("groups", &groups)
	var brier object
	for _, s := range brierParts {
		brier.add(s.name, number(*s.of(&m.BrierParts)))
	}
	o.addObject("brier_decomposition", &brier)
	var intervals object
	for _, path := range m.Paths() {
		if ci, ok := m.CI[path]; ok {
			intervals.add(path, ci)
		}
	}
	o.addObject("ci", &intervals)
	o.add("bootstrap", m.Bootstrap)
	undefined := m.Undefined
	if undefined == nil {
		undefined = map[string]string{} // {} rather than null: nothing is undefined
	}
	o.add("undefined", undefined) // package json sorts the keys
	return o.close()
}

// addTo adds the metrics of a class or group.
func (c *ClassMetrics) addTo(values *object) {
	for _, s := range classMetrics {
		values.add(s.name, number(*s.of(c)))
	}
	if math.IsNaN(c.Youden.Threshold) {
		values.add("youden", nil)
	} else {
		var youden object
		for _, s := range youdenParts {
			youden.add(s.name, number(*s.of(&c.Youden)))
		}
		values.addObject("youden", &youden)
	}
	values.add("support", c.Support)
}

// UnmarshalJSON reads what [Metrics.MarshalJSON] writes. The metrics of a
// metrics.json are required; what this package adds to them is NaN where the
// file lacks it.
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
	}
	if err := json.Unmarshal(text, &head); err != nil {
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
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	read := newMetrics(head.Classes, nil)
	read.N, read.Unknown = head.N, head.Unknown
	read.Confusion, read.Bootstrap, read.Undefined = head.Confusion, head.Bootstrap, head.Undefined
	if len(head.CI) > 0 {
		read.CI = head.CI
	}
	if err := readMetrics(overallMetrics, read, values, ""); err != nil {
		return err
	}
	for k := range read.PerClass {
		c := &read.PerClass[k]
		raw, ok := head.PerClass[c.Class]
		if !ok {
			return fmt.Errorf("metrics: per_class.%s is missing", c.Class)
		}
		if err := c.read(raw, ClassPath(c.Class, "")); err != nil {
			return err
		}
	}
	if err := read.readGroups(head.Groups); err != nil {
		return err
	}
	if err := readParts(brierParts, &read.BrierParts, head.Brier, "brier_decomposition."); err != nil {
		return err
	}
	read.explainMissing()
	*m = *read
	return nil
}

// explainMissing gives a reason for the values that an older file lacks.
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

// readMetrics fills the metrics of a T from the keys of a JSON object.
func readMetrics[T, S any](metrics []metric[T, S], of *T, values map[string]json.RawMessage, path string) error {
	for _, row := range metrics {
		if _, ok := values[row.name]; !ok && row.required {
			return fmt.Errorf("metrics: %s%s is missing", path, row.name)
		}
		if err := readNumber(row.of(of), values[row.name], path+row.name); err != nil {
			return err
		}
	}
	return nil
}

// readParts fills the parts of a T from the keys of a JSON object; what is not
// there is NaN.
func readParts[T any](parts []part[T], of *T, values map[string]json.RawMessage, path string) error {
	for _, row := range parts {
		if err := readNumber(row.of(of), values[row.name], path+row.name); err != nil {
			return err
		}
	}
	return nil
}

// readNumber reads a number, NaN for null or nothing.
func readNumber(to *float64, text json.RawMessage, path string) error {
	if text == nil {
		text = json.RawMessage("null")
	}
	if err := (*number)(to).UnmarshalJSON(text); err != nil {
		return fmt.Errorf("metrics: %s: %w", path, err)
	}
	return nil
}

// read fills the metrics of a class or group.
func (c *ClassMetrics) read(text json.RawMessage, path string) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("metrics: %s: %w", path, err)
	}
	var head struct {
		Youden  map[string]json.RawMessage `json:"youden"`
		Support int                        `json:"support"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return fmt.Errorf("metrics: %s: %w", path, err)
	}
	c.Support = head.Support
	if err := readMetrics(classMetrics, c, values, path); err != nil {
		return err
	}
	return readParts(youdenParts, &c.Youden, head.Youden, path+"youden.")
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
		if err := in.Decode(&raw); err != nil {
			return fmt.Errorf("metrics: groups: %w", err)
		}
		var members struct {
			Classes []string `json:"classes"`
		}
		if err := json.Unmarshal(raw, &members); err != nil {
			return fmt.Errorf("metrics: groups: %w", err)
		}
		g := GroupMetrics{Members: members.Classes, ClassMetrics: ClassMetrics{Class: fmt.Sprint(name)}}
		if err := g.read(raw, GroupPath(g.Class, "")); err != nil {
			return err
		}
		m.Groups = append(m.Groups, g)
	}
	return nil
}

// brokenArray matches an array of numbers that json.Indent spread over lines.
// No JSON string can match, as line ends are escaped there.
var brokenArray = regexp.MustCompile(`\[\n[-+0-9.e,\s]*\]`)

// WriteJSON writes m as indented JSON, a matrix row or an interval to a line.
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
	m := new(Metrics)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("reading metrics: %s: %w", path, err)
	}
	return m, nil
}
