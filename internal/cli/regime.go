package cli

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/alecthomas/kong"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// regimeFlags choose a regime and change options of it and of its network: a flag
// for each option that package spec gives one.
type regimeFlags struct {
	Regime  *string      `help:"How to train: ${regimes} (default: ${regime})." enum:"${regimes}" placeholder:"NAME" group:"regime"`
	Options kong.Plugins `embed:""` // made by newRegimeFlags
}

// newRegimeFlags makes the flags, but for those that a command has by itself: pointers and
// slices that are nil unless given.
func newRegimeFlags(own ...string) regimeFlags {
	var fields []reflect.StructField
	for i, o := range pipeline.Settings() {
		if slices.Contains(own, o.Flag) {
			continue
		}
		t := o.FlagType()
		tag := fmt.Sprintf("name:%q help:%q placeholder:%q group:%q", o.Flag, o.Help, o.Placeholder(), o.Group)
		if t.Kind() == reflect.Bool {
			tag += ` negatable:""`
		}
		if t.Kind() != reflect.Slice {
			t = reflect.PointerTo(t)
		}
		fields = append(fields, reflect.StructField{Name: fieldName(i), Type: t, Tag: reflect.StructTag(tag)})
	}
	return regimeFlags{Options: kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}}
}

// fieldName is the name of the struct's field for setting i.
func fieldName(i int) string { return "Option" + strconv.Itoa(i) }

// changes are the options whose flags were given, with the flags' values.
func (f regimeFlags) changes() (changes []pipeline.Change) {
	if f.Options == nil {
		return nil
	}
	values := reflect.ValueOf(f.Options[0]).Elem()
	for i, o := range pipeline.Settings() {
		value := values.FieldByName(fieldName(i))
		if !value.IsValid() || value.IsNil() {
			continue
		}
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		changes = append(changes, pipeline.Change{Setting: o, Value: value})
	}
	return changes
}

// has reports whether a flag was given.
func (f regimeFlags) has(flag string) bool {
	return slices.ContainsFunc(f.changes(), func(c pipeline.Change) bool { return c.Flag == flag })
}

// optionUsage is a usage error about options, which names the flag of a wrong value.
func optionUsage(err error) error {
	if value, ok := errors.AsType[*spec.ValueError](err); ok && value.Flag != "" {
		return usagef("--%s %s", value.Flag, value.Fault)
	}
	if change, ok := errors.AsType[*pipeline.ChangeError](err); ok {
		return usagef("--%s: %w", change.Flag, change.Err)
	}
	if small, ok := errors.AsType[*backbone.SizeError](err); ok {
		return usagef("--size: %w", small)
	}
	return splitUsage(err)
}
