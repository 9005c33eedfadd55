package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Document is the table of regimes side by side and the list of what differs by
// backbone, in Markdown: the generated part of docs/training.md.
func Document() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | `%s` |\n|---%s|\n", strings.Join(Names(), "` | `"), strings.Repeat("|---", len(table)))
	for _, row := range rows {
		cells := make([]string, len(table))
		for i, r := range table {
			cells[i] = row.cell(r)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row.name, strings.Join(cells, " | "))
	}
	b.WriteString("\n| regime | backbones | differs in | because |\n|---|---|---|---|\n")
	for _, d := range deviations {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.regime, strings.Join(d.backbones, ", "), d.differences(), cmp.Or(d.why, "so in its notebook"))
	}
	return b.String()
}

// differences are the changed rows of a deviation, as they are after it.
func (d deviation) differences() string {
	plain, err := Find(d.regime)
	if err != nil {
		panic(err) // a misspelt row of deviations
	}
	changed := plain
	d.change(&changed)
	var cells []string
	for _, row := range rows {
		if after := row.cell(changed); after != row.cell(plain) {
			cells = append(cells, row.name+": "+after)
		}
	}
	return strings.Join(cells, "; ")
}

// rows are the lines of the table, in order.
var rows = []struct {
	name string
	cell func(Regime) string
}{
	{"batch", func(r Regime) string { return strconv.Itoa(r.Batch) }},
	{"epochs, at most", func(r Regime) string { return strconv.Itoa(r.Epochs) }},
	{"photos of an epoch", func(r Regime) string {
		switch {
		case r.Copies.PerClass > 0:
			return fmt.Sprintf("each, and copies up to about %d a class in batches of %d", r.Copies.PerClass, r.Copies.Batch)
		case r.Copies.PerPhoto > 0:
			return fmt.Sprintf("each, and %d copy of each", r.Copies.PerPhoto)
		}
		return "each once"
	}},
	{"augmentation", func(r Regime) string { return settings(r.Augment) }},
	{"Adam: rate, epsilon", func(r Regime) string { return fmt.Sprintf("%g, %g", r.LearningRate, r.Epsilon) }},
	{"schedule", func(r Regime) string {
		var parts []string
		if r.WarmUp > 0 {
			parts = append(parts, fmt.Sprintf("warm-up of %g epoch", r.WarmUp))
		}
		if r.Schedule != "" {
			parts = append(parts, r.Schedule)
		}
		if p := r.Plateau; p.Factor > 0 {
			parts = append(parts, fmt.Sprintf("x%g after %d epochs without %g, down to %g", p.Factor, p.Patience, p.MinDelta, p.LearningRate))
		}
		return cmp.Or(strings.Join(parts, ", "), "none")
	}},
	{"early stopping", func(r Regime) string {
		if r.EarlyStop.Patience == 0 {
			return "none"
		}
		return fmt.Sprintf("%d epochs without %g of %s", r.EarlyStop.Patience, r.EarlyStop.MinDelta, cmp.Or(r.EarlyStop.Monitor, "val_loss"))
	}},
	{"kept weights", func(r Regime) string {
		if r.Select == SelectLast {
			return "last epoch"
		}
		return "best val_accuracy"
	}},
	{"class weights", func(r Regime) string {
		switch {
		case r.ClassWeighting == BalancedWeights:
			return "N/(C*N_i) of the training part"
		case r.ClassWeights == nil:
			return "1"
		}
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(r.ClassWeights), " ", ", "), "[]")
	}},
	{"label smoothing", func(r Regime) string { return orNone(r.LabelSmoothing) }},
	{"metadata", func(r Regime) string {
		switch {
		case !r.Metadata:
			return "no"
		case r.MetadataDropout > 0:
			return fmt.Sprintf("yes, each hidden at %g", r.MetadataDropout)
		}
		return "yes"
	}},
	{"missing age", func(r Regime) string { return r.MissingAge }},
	{"channel order", func(r Regime) string { return cmp.Or(string(r.ChannelOrder), "of the notebook: bgr") }},
	{"pixel scaling", func(r Regime) string { return cmp.Or(string(r.Preprocess), "of the notebook") }},
	{"resize", func(r Regime) string { return cmp.Or(string(r.Resize), "centre crop, bilinear") }},
	{"cut and head", func(r Regime) string {
		return "of the " + r.Variant.String() + " notebook"
	}},
	{"channels that Soft-Attention sees", func(r Regime) string { return cmp.Or(r.AttentionWindow, "first three") }},
	{"learned scalar gamma", func(r Regime) string {
		if r.Gamma {
			return "yes"
		}
		return "no"
	}},
	{"dropout after Soft-Attention", func(r Regime) string { return orNone(r.Dropout) }},
	{"batch-norm momentum", func(r Regime) string {
		if r.BatchNormMomentum == 0 {
			return "the network's"
		}
		return orNone(r.BatchNormMomentum)
	}},
	{"predictions", func(r Regime) string {
		if r.Views == 0 {
			return "of the photo"
		}
		return fmt.Sprintf("mean over %d turned views", r.Views)
	}},
}

func orNone(v float64) string {
	if v == 0 {
		return "none"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// settings lists the fields of a struct that are set, under their JSON names.
func settings(s any) string {
	var parts []string
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if field := v.Field(i); !field.IsZero() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			name = strings.ReplaceAll(name, "_", " ")
			if field.Kind() != reflect.Bool {
				name += fmt.Sprintf(" %v", field.Interface())
			}
			parts = append(parts, name)
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
