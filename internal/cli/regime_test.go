package cli

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

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

// leaves lists all fields.
func leaves(path string, s reflect.Type) (fields []string) {
	for i := range s.NumField() {
		if f := s.Field(i); f.Type.Kind() == reflect.Struct {
			fields = append(fields, leaves(path+f.Name+".", f.Type)...)
		} else {
			fields = append(fields, path+f.Name)
		}
	}
	return fields
}

func TestEveryFieldOfARegimeHasAFlag(t *testing.T) {
	base, err := spec.For("md/as-run", "mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	missing := leaves("", reflect.TypeFor[spec.Regime]())
	// Some flags exclude each other, so there are two calls.
	for _, args := range [][]string{
		strings.Fields(`--epochs 7 --batch 3 --accumulate 2 --steps-divisor 9 --sampling balanced --learning-rate .5 --epsilon .2 --beta1 .1 --beta2 .2
			--layer-rates backbone=.1,dense=2 --freeze block_1_:2,Conv1 --plateau-factor .3 --plateau-patience 2 --plateau-min-delta .1 --min-learning-rate .001
			--schedule cosine --warm-up 2 --stop-patience 3 --stop-min-delta .2 --stop-monitor val_accuracy --select last --ema .9 --class-weighting balanced
			--loss focal --focal-gamma 2 --outlier-limit .1 --label-smoothing .1 --missing-age impute --metadata-dropout .2 --channel-order rgb
			--preprocess caffe --resize stretch --notebook augmented --head gap --attention-window center --gamma --no-soft-attention --no-metadata --dropout .1 --batch-norm-momentum .8 --views 3
			--rotation 10 --shift .1 --zoom .2 --horizontal-flip --vertical-flip --crop .5 --brightness .1 --contrast .2 --saturation .3 --cutout .4
			--mixup .5 --cutmix .6`),
		strings.Fields("--copies-per-photo 1 --copies-per-class 20 --copies-batch 5 --class-weights 1,2,3,4,5,6,7"),
	} {
		got := shown(t, args...)
		for _, field := range differing("", reflect.ValueOf(base), reflect.ValueOf(*got.Regime)) {
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == field })
		}
	}
	if want := []string{"Name"}; !slices.Equal(missing, want) {
		t.Errorf("no flag changes %v, want %v alone", missing, want)
	}
	if got := shown(t, "--cut", "block_5_add"); got.Network.Cut != "block_5_add" {
		t.Errorf("--cut gives %s", got.Network.Cut)
	}
}

func TestShowConfig(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	ad := shown(t, "--regime", "ad/as-run", "--protocol", "paper", "--test-share", ".15", "--seed", "4")
	if ad.Regime.Name != "ad/as-run" || ad.Regime.Batch != 50 || ad.Network.Metadata || ad.Network.Resize != "stretch" || ad.Network.ChannelOrder != "rgb" ||
		ad.Data.Protocol != "paper" || ad.Data.TestShare != .15 || ad.Init != "imagenet" || ad.Seed != 4 {
		t.Errorf("%+v, regime %+v", ad, ad.Regime)
	}
	plain := shown(t, "--weights", "random")
	if plain.Regime.Name != spec.Default || plain.Init != "random" || plain.Network.Cut != "block_14_depthwise" {
		t.Errorf("%+v, regime %+v", plain, plain.Regime)
	}
	for _, args := range [][]string{{"--freeze", "backbone:0"}, {"--layer-rates", "backbone"}, {"--layer-rates", "=1"}, {"--regime", "best"},
		{"--freeze", "blok_"}, {"--feature-cache"}, {"--feature-cache", "--freeze", "backbone", "--zoom", ".1"}} {
		if code, out, _ := call(t, append([]string{"train", "--show-config", "--backbone", "mobilenet_v2"}, args...)...); code == 0 {
			t.Errorf("%v gives %s", args, out)
		}
	}
}
