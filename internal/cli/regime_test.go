package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// shown is the configuration that 'train --show-config' prints.
func shown(t *testing.T, args ...string) run.Config {
	t.Helper()
	code, out, errs := call(t, append([]string{"train", "--show-config", "--backbone", "mobilenet_v2"}, args...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var cfg run.Config
	if err := json.Unmarshal([]byte(out), &cfg); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return cfg
}

// differing lists the fields in which two structs differ.
func differing(path string, a, b reflect.Value) (fields []string) {
	for i := range a.NumField() {
		name := path + a.Type().Field(i).Name
		if a.Field(i).Kind() == reflect.Struct {
			fields = append(fields, differing(name+".", a.Field(i), b.Field(i))...)
		} else if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			fields = append(fields, name)
		}
	}
	return fields
}

// The flags that scripts use, by their names: they change these fields of regime and
// network. TestEveryOptionHasAFlag finds the flags of options that are newer.
func TestFlagsByName(t *testing.T) {
	base, err := spec.For("md/as-run", "mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	network, err := skinattn.Resolve("mobilenet_v2", base)
	if err != nil {
		t.Fatal(err)
	}
	base.Network = network
	changed := map[string]bool{}
	// Some flags exclude each other, so there are two calls.
	for _, args := range [][]string{
		strings.Fields(`--epochs 7 --batch 3 --accumulate 2 --steps-divisor 9 --sampling balanced --learning-rate .5 --epsilon .2 --beta1 .1 --beta2 .2
			--layer-rates backbone=.1,dense=2 --freeze block_1_:2,Conv1 --plateau-factor .3 --plateau-patience 2 --plateau-min-delta .1 --min-learning-rate .001
			--schedule cosine --warm-up 2 --stop-patience 3 --stop-min-delta .2 --stop-monitor val_accuracy --select last --ema .9 --class-weighting balanced
			--loss focal --focal-gamma 2 --outlier-limit .1 --label-smoothing .1 --missing-age impute --metadata-dropout .2 --channel-order rgb
			--preprocess caffe --resize stretch --notebook augmented --head gap --attention-window center --gamma --no-soft-attention --no-metadata --dropout .1 --batch-norm-momentum .8 --views 3
			--metadata-batch-norm both --metadata-units 64,32 --metadata-branch-dropout .3 --extended-dense 20 --pools-before 1 --size 128 --cut block_5_add
			--rotation 10 --shift .1 --zoom .2 --horizontal-flip --vertical-flip --crop .5 --brightness .1 --contrast .2 --saturation .3 --cutout .4
			--mixup .5 --cutmix .6`),
		strings.Fields("--copies-per-photo 1 --copies-per-class 20 --copies-batch 5 --class-weights 1,2,3,4,5,6,7"),
	} {
		got := shown(t, args...)
		got.Regime.Network = got.Network
		for _, field := range differing("", reflect.ValueOf(base), reflect.ValueOf(*got.Regime)) {
			changed[field] = true
		}
	}
	if len(changed) != 64 {
		t.Errorf("%d fields are changed: %v", len(changed), slices.Sorted(maps.Keys(changed)))
	}
	if got := shown(t, "--cut", "block_5_add"); got.Network.Cut != "block_5_add" {
		t.Errorf("--cut gives %s", got.Network.Cut)
	}
}

// otherValue is the arguments that give an option of *of another value.
func otherValue(t *testing.T, o spec.Option, of any) []string {
	t.Helper()
	flag := "--" + o.Flag
	value := o.In(of)
	if words := strings.Split(o.Values(), ", "); value.Kind() == reflect.String && words[0] != "" {
		if words[0] == value.String() {
			return []string{flag, words[1]}
		}
		return []string{flag, words[0]}
	}
	switch value.Interface().(type) {
	case bool:
		if value.Bool() {
			return []string{"--no-" + o.Flag}
		}
		return []string{flag}
	case int:
		return []string{flag, strconv.FormatInt(value.Int()+8, 10)}
	case float64:
		if o.Flag == "oversample" { // 0 or at least 1
			return []string{flag, "1.5"}
		}
		return []string{flag, strconv.FormatFloat(value.Float()/2+.125, 'g', -1, 64)}
	case []float64:
		return []string{flag, "1,2,3,4,5,6,7"}
	case [3]int:
		return []string{flag, "64,32"}
	case []spec.LayerRate:
		return []string{flag, "backbone=.5"}
	case []spec.Freeze:
		return []string{flag, "backbone:2"}
	}
	t.Fatalf("option %s has type %s, which this test does not know", o.Path, o.Type)
	return nil
}

// Every option of regime and network has a flag that sets it, except the names and
// the options with separate flags in 'train'.
func TestEveryOptionHasAFlag(t *testing.T) {
	regime, err := spec.For("md/as-run", "mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	network, err := skinattn.Resolve("mobilenet_v2", regime)
	if err != nil {
		t.Fatal(err)
	}
	var without []string
	check := func(options []spec.Option, base any, got func(run.Config) any) {
		for _, o := range options {
			if o.Flag == "" {
				without = append(without, o.Path)
				continue
			}
			args := otherValue(t, o, base)
			if o.Flag == "copies-per-class" {
				args = append(args, "--copies-batch", "5")
			}
			if after := o.In(got(shown(t, args...))).Interface(); reflect.DeepEqual(after, o.In(base).Interface()) {
				t.Errorf("%v leaves %s as it is: %v", args, o.Path, after)
			}
		}
	}
	check(spec.RegimeOptions(), &regime, func(cfg run.Config) any { return cfg.Regime })
	check(spec.NetworkOptions(), &network, func(cfg run.Config) any { return &cfg.Network })
	if want := []string{"name", "backbone", "cut", "size"}; !slices.Equal(without, want) {
		t.Errorf("no flag sets %v, want %v", without, want)
	}
}

func TestShowConfig(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	ad := shown(t, "--regime", "ad/as-run", "--protocol", "paper", "--test-share", ".15", "--seed", "4")
	if ad.Regime.Name != "ad/as-run" || ad.Regime.Batch != 50 || ad.Network.Metadata || ad.Network.Resize != "stretch" || ad.Network.ChannelOrder != "rgb" ||
		ad.Format != run.Format || ad.Data.Protocol != "paper" || ad.Data.TestShare != .15 || ad.Init != "imagenet" || ad.Seed != 4 {
		t.Errorf("%+v, regime %+v", ad, ad.Regime)
	}
	plain := shown(t, "--weights", "random")
	if plain.Regime.Name != spec.Default || plain.Init != "random" || plain.Network.Cut != "block_14_depthwise" {
		t.Errorf("%+v, regime %+v", plain, plain.Regime)
	}
	// An empty word is the authors' choice for the backbone, whatever the regime has.
	empty := shown(t, "--backbone", "resnet50", "--regime", "ad/as-printed", "--channel-order=", "--preprocess=", "--head=", "--weights", "random")
	authors, err := skinattn.AuthorsNetwork("resnet50", spec.Augmented)
	if err != nil {
		t.Fatal(err)
	}
	if n := empty.Network; n.ChannelOrder != authors.ChannelOrder || n.Preprocess != authors.Preprocess || n.Head != "gap" {
		t.Errorf("%+v, want the words of %+v", n, authors)
	}
	code, _, errs := call(t, "train", "--show-config", "--backbone", "mobilenet_v2", "--metadata-branch-dropout", "1")
	if code != exitUsage || !strings.Contains(errs, "--metadata-branch-dropout is 1; it must be in [0, 1)") {
		t.Errorf("code %d, %s", code, errs)
	}
	for _, c := range []struct{ args, says string }{
		{"--copies-per-photo 1000000000", "--copies-per-photo is 1000000000; it must be in [0, 100]"},
		{"--mixup 1e300", "--mixup is 1e+300; it must be in [0, 100]"},
		{"--loss focal --focal-gamma 1e30", "--focal-gamma is 1e+30; it must be in [0, 20]"},
		{"--class-weights 1,1,1,1,1,1,0", "--class-weights is 0; it must be in [1e-6, 1e6]"},
		{"--batch 1000000000", "--batch is 1000000000; it must be in [1, 10000]"},
		{"--metadata-units 1000000000", "--metadata-units is 1000000000; it must be in [0, 16384]"},
		{"--layer-rates backbone=NaN", `layer rate "backbone"=NaN`},
		{"--size 4097", "--size is 4097; it must be in 1 to 4096 pixels"},
	} {
		args := append([]string{"train", "--show-config", "--backbone", "mobilenet_v2"}, strings.Fields(c.args)...)
		if code, _, errs := call(t, args...); code != exitUsage || !strings.Contains(errs, c.says) {
			t.Errorf("%s: code %d, %s; want %q", c.args, code, errs, c.says)
		}
	}
	if err := (spec.Network{Size: maxSize + 1}).Check(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("[0, %d]", maxSize)) {
		t.Errorf("maxSize is not the bound of the option: %v", err)
	}
	for _, args := range [][]string{{"--freeze", "backbone:0"}, {"--layer-rates", "backbone"}, {"--layer-rates", "=1"}, {"--regime", "best"},
		{"--freeze", "blok_"}, {"--feature-cache"}, {"--feature-cache", "--freeze", "backbone", "--zoom", ".1"}} {
		if code, out, _ := call(t, append([]string{"train", "--show-config", "--backbone", "mobilenet_v2"}, args...)...); code == 0 {
			t.Errorf("%v gives %s", args, out)
		}
	}
}
