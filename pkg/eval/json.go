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
	for _, s := range overallScalars {
		o.add(s.name, number(*s.of(m)))
	}
	o.add("confusion", m.Confusion)
	var classes object
	for k := range m.PerClass {
		c := &m.PerClass[k]
		var values object
		for _, s := range classScalars {
			values.add(s.name, number(*s.of(c)))
		}
		values.add("support", c.Support)
		text, err := values.close()
		if err != nil {
			return nil, err
		}
		classes.add(c.Class, text)
	}
	text, err := classes.close()
	if err != nil {
		return nil, err
	}
	o.add("per_class", text)
	var intervals object
	for _, path := range Paths(m.Classes) {
		if ci, ok := m.CI[path]; ok {
			intervals.add(path, ci)
		}
	}
	if text, err = intervals.close(); err != nil {
		return nil, err
	}
	o.add("ci", text)
	o.add("bootstrap", m.Bootstrap)
	undefined := m.Undefined
	if undefined == nil {
		undefined = map[string]string{} // {} rather than null: nothing is undefined
	}
	o.add("undefined", undefined) // package json sorts the keys
	return o.close()
}

// UnmarshalJSON reads what [Metrics.MarshalJSON] writes.
func (m *Metrics) UnmarshalJSON(text []byte) error {
	var head struct {
		N         int                          `json:"n"`
		Unknown   int                          `json:"n_unknown"`
		Classes   []string                     `json:"classes"`
		Confusion Confusion                    `json:"confusion"`
		PerClass  map[string]map[string]number `json:"per_class"`
		CI        map[string]Interval          `json:"ci"`
		Bootstrap *BootstrapInfo               `json:"bootstrap"`
		Undefined map[string]string            `json:"undefined"`
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
	read := newMetrics(head.Classes)
	read.N, read.Unknown = head.N, head.Unknown
	read.Confusion, read.Bootstrap, read.Undefined = head.Confusion, head.Bootstrap, head.Undefined
	if len(head.CI) > 0 {
		read.CI = head.CI
	}
	for _, s := range overallScalars {
		raw, ok := values[s.name]
		if !ok {
			return fmt.Errorf("metrics: %s is missing", s.name)
		}
		var v number
		if err := v.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("metrics: %s: %w", s.name, err)
		}
		*s.of(read) = float64(v)
	}
	for k := range read.PerClass {
		c := &read.PerClass[k]
		row, ok := head.PerClass[c.Class]
		if !ok {
			return fmt.Errorf("metrics: per_class.%s is missing", c.Class)
		}
		for _, s := range classScalars {
			v, ok := row[s.name]
			if !ok {
				return fmt.Errorf("metrics: %s is missing", ClassPath(c.Class, s.name))
			}
			*s.of(c) = float64(v)
		}
		c.Support = int(row["support"])
	}
	*m = *read
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

// ReadMetricsFile reads a metrics.json.
func ReadMetricsFile(path string) (*Metrics, error) {
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
