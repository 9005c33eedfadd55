package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Option is a field of Network or Regime with its struct tags, the source of checks,
// flags, config.json, the table of regimes and the report:
//
//	json         name in config.json; with omitempty, the zero value means "off"
//	default      value in the authors' networks, where the backbone does not decide
//	enum         words allowed, separated by commas
//	range        numbers allowed, such as [0,1) or (0,]
//	flag         name of the flag, if not the path with hyphens; "-": no flag
//	help         help text of the flag
//	placeholder  word for the flag's value in --help, if not N, X or WORD by its type
//	group        group of the flag in --help, if not "regime"
//	label        row in the table of regimes, if not the path in words
//	zero         what the zero value means, in words, for that table
//	beyond       "paper": the networks of the paper's tables lack the option
type Option struct {
	Path  string // in config.json, below "network" or "regime": "plateau.factor"
	Flag  string // without dashes; empty for an option without a flag
	Help  string
	Group string // group of the flag in --help
	Type  reflect.Type

	tag   reflect.StructTag
	index []int
}

// NetworkOptions are the fields of Network, in order.
func NetworkOptions() []Option { return slices.Clone(networkOptions()) }

// RegimeOptions are the fields of Regime except Network, in order; each field of a
// nested struct is an option by itself.
func RegimeOptions() []Option { return slices.Clone(regimeOptions()) }

// The lists are made once: a sweep checks thousands of regimes.
var (
	networkOptions = sync.OnceValue(func() []Option { return optionsOf(reflect.TypeFor[Network](), "", "", nil) })
	regimeOptions  = sync.OnceValue(func() []Option { return optionsOf(reflect.TypeFor[Regime](), "", "", nil) })
)

func optionsOf(t reflect.Type, path, group string, index []int) (options []Option) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		o := Option{Path: path + name, Help: field.Tag.Get("help"), Group: cmp.Or(field.Tag.Get("group"), group, "regime"),
			Type: field.Type, tag: field.Tag, index: append(slices.Clone(index), i)}
		if field.Type.Kind() == reflect.Struct {
			options = append(options, optionsOf(field.Type, o.Path+".", o.Group, o.index)...)
			continue
		}
		if o.Flag = cmp.Or(field.Tag.Get("flag"), strings.NewReplacer("_", "-", ".", "-").Replace(o.Path)); o.Flag == "-" {
			o.Flag = ""
		}
		options = append(options, o)
	}
	return options
}

// words is the path in words, for messages.
func (o Option) words() string { return strings.NewReplacer("_", " ", ".", " ").Replace(o.Path) }

// In is the option's field in *of, which is a Network or a Regime.
func (o Option) In(of any) reflect.Value { return reflect.ValueOf(of).Elem().FieldByIndex(o.index) }

// Text is the option's value in *of, as text; empty where config.json leaves it out.
func (o Option) Text(of any) string {
	value := o.In(of)
	if value.IsZero() && o.optional() {
		return ""
	}
	return fmt.Sprint(value.Interface())
}

// optional reports whether config.json leaves out the zero value.
func (o Option) optional() bool { return strings.Contains(o.tag.Get("json"), ",omit") }

// list reports whether the option has several values.
func (o Option) list() bool { return o.Type.Kind() == reflect.Slice || o.Type.Kind() == reflect.Array }

// Placeholder stands for the flag's value, or for one value of a list, in --help.
func (o Option) Placeholder() string {
	t := o.Type
	if o.list() {
		t = t.Elem()
	}
	words := map[reflect.Kind]string{reflect.Int: "N", reflect.Float64: "X"}
	return cmp.Or(o.tag.Get("placeholder"), words[t.Kind()], "WORD")
}

// textual is an element of a list that is given as text on the command line.
type textual interface{ Parse(text string) error }

// FlagType is the type of the flag's value: string for words, for a list a slice of
// its elements or of their texts, otherwise the option's own.
func (o Option) FlagType() reflect.Type {
	switch {
	case o.Type.Kind() == reflect.String:
		return reflect.TypeFor[string]()
	case !o.list():
		return o.Type
	case reflect.PointerTo(o.Type.Elem()).Implements(reflect.TypeFor[textual]()):
		return reflect.TypeFor[[]string]()
	}
	return reflect.SliceOf(o.Type.Elem())
}

// Set sets the option in *of to a value of type FlagType.
func (o Option) Set(of any, value reflect.Value) error {
	field := o.In(of)
	if !o.list() {
		field.Set(value.Convert(o.Type))
		return nil
	}
	list := reflect.New(o.Type).Elem()
	if o.Type.Kind() == reflect.Slice {
		list.Set(reflect.MakeSlice(o.Type, value.Len(), value.Len()))
	} else if value.Len() > list.Len() {
		return fmt.Errorf("%s has %d values; there are at most %d", o.words(), value.Len(), list.Len())
	}
	for i := range value.Len() {
		if element, ok := list.Index(i).Addr().Interface().(textual); !ok {
			list.Index(i).Set(value.Index(i))
		} else if err := element.Parse(value.Index(i).String()); err != nil {
			return err
		}
	}
	field.Set(list)
	return nil
}

// Arguments returns the command line's flag that gives the option its value in *of, and
// nothing if *from, of the same type, has this value already or the option has no flag.
func (o Option) Arguments(of, from any) []string {
	value := o.In(of)
	if o.Flag == "" || reflect.DeepEqual(value.Interface(), o.In(from).Interface()) {
		return nil
	}
	switch {
	case o.Type.Kind() == reflect.Bool && value.Bool():
		return []string{"--" + o.Flag}
	case o.Type.Kind() == reflect.Bool:
		return []string{"--no-" + o.Flag}
	case o.Type.Kind() == reflect.String:
		return []string{"--" + o.Flag + "=" + value.String()}
	case !o.list():
		return []string{fmt.Sprintf("--%s=%v", o.Flag, value.Interface())}
	}
	var elements []string
	for i := range value.Len() {
		if element := value.Index(i); o.Type.Kind() == reflect.Slice || !element.IsZero() {
			elements = append(elements, fmt.Sprint(element.Interface()))
		}
	}
	return []string{"--" + o.Flag + "=" + strings.Join(elements, ",")}
}

// Values says in words which values are allowed; empty for all of the type.
func (o Option) Values() string {
	if limits := o.tag.Get("range"); limits != "" {
		_, text := within(limits, 0)
		return text
	}
	return strings.ReplaceAll(o.tag.Get("enum"), ",", ", ")
}

// BeyondPaper reports whether the networks of the paper's tables lack the option.
func (o Option) BeyondPaper() bool { return o.tag.Get("beyond") == "paper" }

// ValueError says that an option has a value that is not allowed.
type ValueError struct {
	Option
	Fault string // "is 2; it must be in [0, 1)"
}

func (e *ValueError) Error() string { return e.words() + " " + e.Fault }

// check returns a *ValueError unless value, or each of its elements, is allowed.
func (o Option) check(value reflect.Value) error {
	enum, limits := o.tag.Get("enum"), o.tag.Get("range")
	switch words := strings.Split(enum, ","); {
	case enum != "" && !slices.Contains(words, value.String()) && !(value.IsZero() && o.optional()):
		if o.optional() {
			words = append(words, "empty")
		}
		last := len(words) - 1
		return &ValueError{o, fmt.Sprintf("is %q; it must be %s or %s", value, strings.Join(words[:last], ", "), words[last])}
	case limits == "":
	case value.Kind() == reflect.Slice, value.Kind() == reflect.Array:
		for i := range value.Len() {
			if err := o.check(value.Index(i)); err != nil {
				return err
			}
		}
	default:
		number := value.Convert(reflect.TypeFor[float64]()).Float()
		if ok, text := within(limits, number); !ok {
			return &ValueError{o, fmt.Sprintf("is %v; it must be %s", value, text)}
		}
	}
	return nil
}

// within reports whether a number lies in limits, such as "[0,1)" or "(0,]", and
// says the limits in words.
func within(limits string, number float64) (ok bool, text string) {
	end := len(limits) - 1
	first, last, _ := strings.Cut(limits[1:end], ",")
	low, _ := strconv.ParseFloat(first, 64)
	ok = number > low || limits[0] == '[' && number == low
	switch high, err := strconv.ParseFloat(last, 64); {
	case err == nil:
		return ok && (number < high || limits[end] == ']' && number == high), fmt.Sprintf("in %c%s, %s%c", limits[0], first, last, limits[end])
	case limits[0] == '[':
		return ok, "at least " + first
	}
	return ok, "above " + first
}

// checkOptions checks options of *of; with onlySet, only the fields that are not zero.
func checkOptions(options []Option, of any, onlySet bool) error {
	for _, o := range options {
		value := o.In(of)
		if onlySet && value.IsZero() {
			continue
		}
		if err := o.check(value); err != nil {
			return err
		}
	}
	return nil
}

// CheckNumbers returns a *ValueError for a number of a network or of a regime, which may be
// nil, that no flag would take: their file may have been edited. Check also looks at words
// and at what fits together.
func CheckNumbers(n *Network, r *Regime) error {
	numbers := func(options []Option) []Option {
		return slices.DeleteFunc(options, func(o Option) bool { return o.tag.Get("range") == "" })
	}
	if err := checkOptions(numbers(NetworkOptions()), n, false); err != nil || r == nil {
		return err
	}
	return checkOptions(numbers(RegimeOptions()), r, false)
}
