package sweep

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
)

// field is something that a cell may set: a flag of 'train', under the flag's name.
type field struct {
	name string
	typ  reflect.Type
	// set puts a value of type typ into what a run begins with; nil for an option of the
	// regime or of its network, and for a flag that does not change the run.
	set     func(b *pipeline.Begin, v reflect.Value)
	setting *pipeline.Setting
	// negatable is set for a switch that can be switched off.
	negatable bool
	order     int
}

// own are the fields beside the options of regime and network, in the order of a cell's
// arguments.
var own = []field{
	of("backbone", func(b *pipeline.Begin, v string) { b.Backbone = v }),
	of("regime", func(b *pipeline.Begin, v string) { b.Regime = v }),
	of("protocol", func(b *pipeline.Begin, v string) { b.Protocol = v }),
	of("test-share", func(b *pipeline.Begin, v float64) { b.Split.TestShare = v }),
	of("arm", func(b *pipeline.Begin, v string) { b.Split.Arm = v }),
	of("folds", func(b *pipeline.Begin, v int) { b.Split.Folds = v }),
	of("fold", func(b *pipeline.Begin, v int) { b.Split.Fold = v }),
	of("as-run", func(b *pipeline.Begin, v bool) { b.Split.AsRun = v }),
	of("size", func(b *pipeline.Begin, v int) { b.Size = v }),
	of("cut", func(b *pipeline.Begin, v string) { b.Cut = v }),
	of("weights", func(b *pipeline.Begin, v string) { b.Weights = v }),
	of("feature-cache", func(b *pipeline.Begin, v bool) { b.FeatureCache = v }),
	of("fast-dev-run", func(b *pipeline.Begin, v bool) { b.FastDevRun = v }),
	of("seed", func(b *pipeline.Begin, v uint64) { b.Split.Seed = v }),
	// These do not change what is trained, and are not in the name of a run folder.
	of[string]("test-data", nil),
	of[bool]("tensorboard", nil),
	of[time.Duration]("save-every", nil),
}

// of returns a field of type T.
func of[T any](name string, set func(b *pipeline.Begin, v T)) field {
	f := field{name: name, typ: reflect.TypeFor[T]()}
	if set != nil {
		f.set = func(b *pipeline.Begin, v reflect.Value) { set(b, v.Interface().(T)) }
	}
	return f
}

// fields are all fields: those of own, and the options of regime and network.
var fields = sync.OnceValue(func() []*field {
	var all []*field
	for _, f := range own {
		all = append(all, &f)
	}
	for _, s := range pipeline.Settings() {
		all = append(all, &field{name: s.Flag, typ: s.FlagType(), setting: &s, negatable: s.FlagType().Kind() == reflect.Bool})
	}
	for i, f := range all {
		f.order = i
	}
	return all
})

// byName finds a field by the name of its flag or, for an option, by its name in
// config.json: learning-rate or learning_rate, plateau-factor or plateau.factor.
var byName = sync.OnceValue(func() map[string]*field {
	names := map[string]*field{}
	for _, f := range fields() {
		names[f.name] = f
		names[strings.ReplaceAll(f.name, "-", "_")] = f
	}
	for _, f := range fields() {
		if s := f.setting; s != nil && names[s.Path] == nil {
			names[s.Path] = f
		}
	}
	return names
})

// fieldNames are the names of the fields that are no options of regime or network.
func fieldNames() (names []string) {
	for _, f := range own {
		names = append(names, f.name)
	}
	return names
}

// value is a value of a field; the zero value leaves the regime's own.
type value struct {
	v    reflect.Value // of the field's type
	text string        // on the command line; lists are joined by commas
	line int           // in the file
}

// isSet reports whether there is a value.
func (v value) isSet() bool { return v.v.IsValid() }

func (v value) String() string {
	if !v.isSet() {
		return "null"
	}
	return v.text
}

// decode reads one value of the field; null is the zero value.
func (f *field) decode(node *yaml.Node) (value, error) {
	node = resolve(node)
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return value{line: node.Line}, nil
	}
	target := reflect.New(f.typ)
	if f.typ.Kind() == reflect.Slice {
		elements := []*yaml.Node{node} // a list of one
		if node.Kind == yaml.SequenceNode {
			elements = node.Content
		}
		list := reflect.MakeSlice(f.typ, len(elements), len(elements))
		for i, element := range elements {
			if err := scalar(resolve(element), list.Index(i)); err != nil {
				return value{}, err
			}
		}
		target.Elem().Set(list)
	} else if err := scalar(node, target.Elem()); err != nil {
		return value{}, err
	}
	return value{target.Elem(), textOf(target.Elem()), node.Line}, nil
}

// scalar reads a word, number or switch.
func scalar(node *yaml.Node, into reflect.Value) (err error) {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("it is a %s; it must be %s", kindName(node), typeName(into.Type()))
	}
	text := node.Value
	if into.Type() == reflect.TypeFor[time.Duration]() {
		var d time.Duration
		d, err = time.ParseDuration(text)
		into.SetInt(int64(d))
		if err != nil || d < 0 {
			err = fmt.Errorf("it must be a duration such as 10m")
		}
		return err
	}
	wrong := fmt.Errorf("it must be %s", typeName(into.Type()))
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
		return nil
	case reflect.Bool:
		if text != "true" && text != "false" {
			return wrong
		}
		into.SetBool(text == "true")
		return nil
	}
	if node.Tag != "!!int" && node.Tag != "!!float" { // 'nan' and "1" in quotes are no numbers
		return wrong
	}
	switch into.Kind() {
	case reflect.Int:
		n, fault := strconv.Atoi(text)
		if fault != nil {
			return wrong
		}
		into.SetInt(int64(n))
	case reflect.Uint64:
		n, fault := strconv.ParseUint(text, 10, 64)
		if fault != nil {
			return wrong
		}
		into.SetUint(n)
	default:
		x, fault := strconv.ParseFloat(text, 64)
		if fault != nil || x-x != 0 { // infinite, or no number
			return wrong
		}
		into.SetFloat(x)
	}
	return nil
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "a word"
}

// textOf writes a value as the command line has it, and as equal values are equal.
func textOf(v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	var texts []string
	for i := range v.Len() {
		texts = append(texts, textOf(v.Index(i)))
	}
	return strings.Join(texts, ",")
}

// paths are the fields that name a file or folder, with the words that stand for none.
var paths = map[string][]string{"weights": {pipeline.ImageNetWeights, pipeline.RandomWeights}, "test-data": nil}

// place is a path of a sweep's file: a relative one begins at dir, and ~/ is the home folder, as in
// a shell.
func place(path, dir string) string {
	if rest, inHome := strings.CutPrefix(path, "~/"); inHome {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if path = filepath.FromSlash(path); filepath.IsAbs(path) || dir == "." {
		return path
	}
	return filepath.Join(dir, path)
}

// argument is the flag of 'train' that gives the field this value, relative paths beginning at
// dir; empty for a switch that is off anyway.
func (f *field) argument(v value, dir string) string {
	words, isPath := paths[f.name]
	switch {
	case isPath && v.text != "" && !slices.Contains(words, v.text):
		return "--" + f.name + "=" + place(v.text, dir)
	case f.typ.Kind() != reflect.Bool:
		return "--" + f.name + "=" + v.text
	case v.v.Bool():
		return "--" + f.name
	case f.negatable:
		return "--no-" + f.name
	}
	return ""
}

// rangeOf reads "1..10", the whole numbers from the first to the last.
func (f *field) rangeOf(node *yaml.Node) ([]value, bool, error) {
	first, last, found := strings.Cut(node.Value, "..")
	if node.Kind != yaml.ScalarNode || !found || f.typ.Kind() != reflect.Int && f.typ.Kind() != reflect.Uint64 {
		return nil, false, nil
	}
	low, err1 := strconv.Atoi(first)
	high, err2 := strconv.Atoi(last)
	switch {
	case err1 != nil || err2 != nil || low < 0 || low > high:
		return nil, true, fmt.Errorf("it must be a range such as 1..10")
	case high-low >= maxCells:
		return nil, true, fmt.Errorf("the range has %d values; there may be at most %d cells", high-low+1, maxCells)
	}
	var values []value
	for n := low; n <= high; n++ {
		v := reflect.ValueOf(n).Convert(f.typ)
		values = append(values, value{v, textOf(v), node.Line})
	}
	return values, true, nil
}

// sortFields sorts the names of fields as the arguments of a cell are.
func sortFields(list []*field) {
	slices.SortFunc(list, func(a, b *field) int { return a.order - b.order })
}
