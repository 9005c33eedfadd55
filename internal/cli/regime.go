package cli

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/alecthomas/kong"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// regimeFlags choose a regime and change options of it and of its network: a flag
// for each option that package spec gives one.
type regimeFlags struct {
	Regime  *string      `help:"How to train: ${regimes} (default: ${regime})." enum:"${regimes}" placeholder:"NAME" group:"regime"`
	Options kong.Plugins `embed:""` // made by newRegimeFlags
}

// optionFlag is an option and its place in the struct of flags.
type optionFlag struct {
	spec.Option
	network bool // an option of the network, else of the regime
}

// optionFlags are all options with a flag, in the order of the struct's fields.
func optionFlags() (flags []optionFlag) {
	for _, o := range spec.RegimeOptions() {
		flags = append(flags, optionFlag{o, false})
	}
	for _, o := range spec.NetworkOptions() {
		flags = append(flags, optionFlag{o, true})
	}
	return slices.DeleteFunc(flags, func(o optionFlag) bool { return o.Flag == "" })
}

// newRegimeFlags makes the flags: pointers and slices that are nil unless given.
func newRegimeFlags() regimeFlags {
	var fields []reflect.StructField
	for i, o := range optionFlags() {
		t := o.FlagType()
		tag := fmt.Sprintf("name:%q help:%q placeholder:%q group:%q", o.Flag, o.Help, o.Placeholder(), o.Group)
		if t.Kind() == reflect.Bool {
			tag += ` negatable:""`
		}
		if t.Kind() != reflect.Slice {
			t = reflect.PointerTo(t)
		}
		fields = append(fields, reflect.StructField{Name: "Option" + strconv.Itoa(i), Type: t, Tag: reflect.StructTag(tag)})
	}
	return regimeFlags{Options: kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}}
}

// given calls use for every option whose flag was given, with the flag's value.
func (f regimeFlags) given(use func(o optionFlag, value reflect.Value) error) error {
	values := reflect.ValueOf(f.Options[0]).Elem()
	for i, o := range optionFlags() {
		value := values.Field(i)
		if value.IsNil() {
			continue
		}
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		if err := use(o, value); err != nil {
			return usageError{fmt.Errorf("--%s: %w", o.Flag, err)}
		}
	}
	return nil
}

// has reports whether a flag was given.
func (f regimeFlags) has(flag string) (found bool) {
	f.given(func(o optionFlag, _ reflect.Value) error {
		found = found || o.Flag == flag
		return nil
	})
	return found
}

// change sets the options whose flags were given. An empty word for an option of the
// network restores the authors' choice for the backbone. --class-weights alone
// switches --class-weighting off, and the reverse.
func (f regimeFlags) change(r *spec.Regime, n *spec.Network) error {
	given := map[string]bool{}
	err := f.given(func(o optionFlag, value reflect.Value) error {
		given[o.Flag] = true
		if !o.network {
			return o.Set(r, value)
		}
		if value.Kind() == reflect.String && value.IsZero() && n.Backbone != "" {
			authors, err := skinattn.AuthorsNetwork(n.Backbone, r.Variant)
			if err != nil {
				return err
			}
			o.In(n).Set(o.In(&authors))
			return nil
		}
		return o.Set(n, value)
	})
	switch weights, weighting := given["class-weights"], given["class-weighting"]; {
	case weights && !weighting:
		r.ClassWeighting = ""
	case weighting && !weights && r.ClassWeighting != "":
		r.ClassWeights = nil
	}
	return err
}

// optionUsage is a usage error about options, which names the flag of a wrong value.
func optionUsage(err error) error {
	var value *spec.ValueError
	if errors.As(err, &value) && value.Flag != "" {
		return usagef("--%s %s", value.Flag, value.Fault)
	}
	return usageError{err}
}
