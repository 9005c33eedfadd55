package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Option is a field of Network or Regime as its struct tags describe it. Checks,
// flags, config.json, the table of regimes and the report come from these:
//
//	json         name in config.json; with omitempty, the zero value means "not done"
//	default      value in the authors' networks, where the backbone does not decide
//	enum         words allowed, separated by commas
//	range        numbers allowed, such as [0,1) or (0,]
//	flag         name of the flag, if not the path with hyphens; "-": no flag
//	help         help text of the flag
//	placeholder  of the flag's value, if not by type
//	group        of the flag in --help
//	label        row in the table of regimes, if not the path in words
//	zero         what the zero value means, in words, for that table
//	beyond       "paper": the networks of the paper's tables do not have it
type Option struct {
	Path  string // in config.json, below "network" or "regime": "plateau.factor"
	Flag  string // without dashes; empty for an option without a flag
	Help  string
	Group string // of the flag, "regime" or "augmentation"
	Type  reflect.Type

	tag   reflect.StructTag
	index []int
}

// NetworkOptions are the fields of Network, in order.
func NetworkOptions() []Option { return optionsOf(reflect.TypeFor[Network](), "", "", nil) }

// RegimeOptions are the fields of Regime but for its Network, in order; each field of
// a nested struct is an option by itself.
func RegimeOptions() []Option { return optionsOf(reflect.TypeFor[Regime](), "", "", nil) }

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

// optional says whether config.json leaves out the zero value.
func (o Option) optional() bool { return strings.Contains(o.tag.Get("json"), ",omit") }

// Placeholder stands for the flag's value in --help.
func (o Option) Placeholder() string {
	if p := o.tag.Get("placeholder"); p != "" {
		return p
	}
	of := func(t reflect.Type) string {
		switch t.Kind() {
		case reflect.Int:
			return "N"
		case reflect.Float64:
			return "X"
		}
		return "WORD"
	}
	if k := o.Type.Kind(); k == reflect.Slice || k == reflect.Array {
		return of(o.Type.Elem()) + ",..."
	}
	return of(o.Type)
}

// textual is an element of a list that is given as text on the command line.
type textual interface{ Parse(text string) error }

// FlagType is the type of the flag's value: a basic type, or a slice of one.
func (o Option) FlagType() reflect.Type {
	switch o.Type.Kind() {
	case reflect.Bool:
		return reflect.TypeFor[bool]()
	case reflect.Int:
		return reflect.TypeFor[int]()
	case reflect.Float64:
		return reflect.TypeFor[float64]()
	case reflect.String:
		return reflect.TypeFor[string]()
	case reflect.Slice, reflect.Array:
		if reflect.PointerTo(o.Type.Elem()).Implements(reflect.TypeFor[textual]()) {
			return reflect.TypeFor[[]string]()
		}
		return reflect.SliceOf(o.Type.Elem())
	}
	panic(fmt.Sprintf("option %s: a flag can't have type %s", o.Path, o.Type))
}

// Set sets the option in *of to a value of type FlagType.
func (o Option) Set(of any, value reflect.Value) error {
	field := o.In(of)
	if value.Kind() != reflect.Slice {
		field.Set(value.Convert(field.Type()))
		return nil
	}
	list := reflect.New(o.Type).Elem()
	if o.Type.Kind() == reflect.Slice {
		list.Set(reflect.MakeSlice(o.Type, value.Len(), value.Len()))
	} else if value.Len() > list.Len() {
		return fmt.Errorf("%s has %d values; there are at most %d", o.words(), value.Len(), list.Len())
	}
	for i := range value.Len() {
		if element, ok := list.Index(i).Addr().Interface().(textual); ok {
			if err := element.Parse(value.Index(i).String()); err != nil {
				return err
			}
		} else {
			list.Index(i).Set(value.Index(i))
		}
	}
	field.Set(list)
	return nil
}

// Values says in words which values are allowed; empty for all of the type.
func (o Option) Values() string {
	if enum := o.tag.Get("enum"); enum != "" {
		return strings.ReplaceAll(enum, ",", ", ")
	}
	if limits := o.tag.Get("range"); limits != "" {
		_, text := within(limits, 0)
		return text
	}
	return ""
}

// BeyondPaper says whether the networks of the paper's tables do not have it.
func (o Option) BeyondPaper() bool { return o.tag.Get("beyond") == "paper" }

// check returns an error if a value is not one of the option's.
func (o Option) check(value reflect.Value) error {
	if enum := o.tag.Get("enum"); enum != "" {
		words, optional := strings.Split(enum, ","), o.optional()
		if text := value.String(); !slices.Contains(words, text) && !(optional && text == "") {
			if optional {
				words = append(words, "empty")
			}
			last := len(words) - 1
			return fmt.Errorf("%s is %q; it must be %s or %s", o.words(), text, strings.Join(words[:last], ", "), words[last])
		}
	}
	if limits := o.tag.Get("range"); limits != "" {
		var number float64
		switch value.Kind() {
		case reflect.Int:
			number = float64(value.Int())
		case reflect.Float64:
			number = value.Float()
		case reflect.Slice, reflect.Array:
			for i := range value.Len() {
				element := o
				element.Type = o.Type.Elem()
				if err := element.check(value.Index(i)); err != nil {
					return err
				}
			}
			return nil
		}
		if ok, text := within(limits, number); !ok {
			return fmt.Errorf("%s is %v; it must be %s", o.words(), value.Interface(), text)
		}
	}
	return nil
}

// within says whether a number lies in limits, such as "[0,1)" or "(0,]", and
// says the limits in words.
func within(limits string, number float64) (ok bool, text string) {
	low, high, _ := strings.Cut(limits[1:len(limits)-1], ",")
	atLeast, _ := strconv.ParseFloat(low, 64)
	ok = number > atLeast || limits[0] == '[' && number == atLeast
	if high == "" {
		if limits[0] == '[' {
			return ok, "at least " + low
		}
		return ok, "above " + low
	}
	below, _ := strconv.ParseFloat(high, 64)
	return ok && (number < below || limits[len(limits)-1] == ']' && number == below), fmt.Sprintf("in %c%s, %s%c", limits[0], low, high, limits[len(limits)-1])
}

// checkOptions checks options of *of; with onlySet, of the fields that are not zero.
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
