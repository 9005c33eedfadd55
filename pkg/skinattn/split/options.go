package split

import (
	"fmt"
	"slices"
	"strings"
)

// Options are the settings of a protocol.
type Options struct {
	// Seed of all draws.
	Seed uint64
	// Folds, if not 0, is the number of folds of protocol grouped (at least 2): fold
	// number Fold (from 0) is test, and a lesion-grouped eighth of the rest is val.
	// All folds of one seed belong to one partition.
	Folds, Fold int
	// AsRun makes protocol datta828 without val, as its authors ran it: the
	// test then also selects the epoch.
	AsRun bool
	// TestShare, if not 0, is the share of the images that protocol paper holds
	// out instead of a tenth: the authors also ran .15 and .2.
	TestShare float64
	// Arm is the half of protocol leak-pair's pair, ArmWith or ArmWithout; the other
	// protocols have none.
	Arm string
}

// The arms of protocol leak-pair: other photos of the test lesions are in train, or photos
// of other lesions are in their place.
const (
	ArmWith    = "with"
	ArmWithout = "without"
)

// Arms are the values of Options.Arm.
var Arms = []string{ArmWith, ArmWithout}

// Option names a field of Options.
type Option string

// The options that protocols take; every protocol takes a seed.
const (
	OptionFolds     Option = "folds"
	OptionFold      Option = "fold"
	OptionAsRun     Option = "as-run"
	OptionTestShare Option = "test-share"
	OptionArm       Option = "arm"
)

// OptionError reports an option that its protocol does not take, or a value that
// the option can't have.
type OptionError struct {
	Protocol string
	Option   Option // the wrong option

	text []any // the message, with every option in it as an Option
}

// Error returns the message with the names of the options.
func (e *OptionError) Error() string { return e.Text(func(o Option) string { return string(o) }) }

// Text returns the message with the options as name spells them, such as "--folds"
// on a command line.
func (e *OptionError) Text(name func(Option) string) string {
	var text strings.Builder
	for _, part := range e.text {
		if o, ok := part.(Option); ok {
			part = name(o)
		}
		fmt.Fprint(&text, part)
	}
	return text.String()
}

// Check returns an error if the protocol is unknown, and an *OptionError if the
// options do not fit it.
func (o Options) Check(protocol string) error {
	_, err := o.check(protocol)
	return err
}

// check is Check, and returns the protocol.
func (o Options) check(protocol string) (*Protocol, error) {
	p, err := Find(protocol)
	if err != nil {
		return nil, err
	}
	takes := func(option Option) bool { return slices.Contains(p.Takes, option) }
	taking := func(option Option) string { return strings.Join(NamesTaking(option), ", ") }
	wrong := func(option Option, text ...any) (*Protocol, error) {
		return nil, &OptionError{protocol, option, text}
	}
	switch {
	case (o.Folds != 0 || o.Fold != 0) && !takes(OptionFolds):
		return wrong(OptionFolds, "protocol ", protocol, " has no folds; only ", taking(OptionFolds), " takes ", OptionFolds, " and ", OptionFold)
	case o.Folds == 0 && o.Fold != 0:
		return wrong(OptionFold, OptionFold, " ", o.Fold, " needs ", OptionFolds)
	case o.Folds < 0 || o.Folds == 1:
		return wrong(OptionFolds, OptionFolds, " ", o.Folds, ": want 2 or more (0 for one split of 70/10/20)")
	case o.Folds > 0 && (o.Fold < 0 || o.Fold >= o.Folds):
		return wrong(OptionFold, OptionFold, " ", o.Fold, ": the folds are 0 to ", o.Folds-1)
	case o.AsRun && !takes(OptionAsRun):
		return wrong(OptionAsRun, "protocol ", protocol, " has no as-run form; only ", taking(OptionAsRun), " takes ", OptionAsRun)
	case o.TestShare != 0 && !takes(OptionTestShare):
		return wrong(OptionTestShare, "protocol ", protocol, " has fixed shares; only ", taking(OptionTestShare), " takes ", OptionTestShare)
	case o.Arm != "" && !takes(OptionArm):
		return wrong(OptionArm, "protocol ", protocol, " has no arms; only ", taking(OptionArm), " takes ", OptionArm)
	case takes(OptionArm) && !slices.Contains(Arms, o.Arm):
		return wrong(OptionArm, "protocol ", protocol, " needs ", OptionArm, " ", strings.Join(Arms, " or "), fmt.Sprintf("; it is %q", o.Arm))
	case o.TestShare < 0 || o.TestShare >= 1:
		return wrong(OptionTestShare, OptionTestShare, " ", o.TestShare, ": it must be above 0 and below 1")
	}
	return p, nil
}
