package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two images, an attention and an even map; the means are by hand.
const twoScores = `image_id,lesion_id,dx,predicted,mask_share,soft-attention.mass_inside,soft-attention.pointing,soft-attention.pointing_near,soft-attention.iou,soft-attention.auc,soft-attention.deletion,soft-attention.insertion,baseline:uniform.mass_inside,baseline:uniform.pointing,baseline:uniform.pointing_near,baseline:uniform.iou,baseline:uniform.auc,baseline:uniform.deletion,baseline:uniform.insertion
a,1,mel,mel,0.25,0.75,1,1,0.5,0.75,,,0.25,0.25,0.5,0.125,0.5,,
b,2,nv,mel,0.5,0.5,0,1,0.25,0.5,,,0.5,0.5,0.5,0.375,0.5,,
`

func TestExplainScoreOfCSV(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "attention.csv"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte(twoScores), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := execute(context.Background(), []string{"explain", "--score", file, "--resamples", "50", "--out", out, "--json"}, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var answer struct {
		Methods []string
		Groups  map[string]struct {
			Images int
			Even   map[string]int `json:"even_maps"`
			Means  map[string]map[string]struct {
				Value float64
				CI    *[2]float64
			}
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	all := answer.Groups["all"]
	if v := all.Means["soft-attention"]["mass_inside"]; v.Value != .625 || v.CI == nil || all.Images != 2 || all.Even["baseline:uniform"] != 2 || all.Even["soft-attention"] != 0 {
		t.Errorf("answer %s", stdout.String())
	}
	for _, name := range []string{"attention-forest.svg", "attention-forest.png", "attention-forest.csv"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	stdout.Reset()
	if code := execute(context.Background(), []string{"explain", "--score", file, "--resamples", "0"}, &stdout, &stderr); code != exitDone || !strings.Contains(stdout.String(), "soft-attention - baseline:uniform  0.250") {
		t.Errorf("exit code %d: %s", code, stdout.String())
	}
}

func TestExplainScoreUsage(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.csv")
	if err := os.WriteFile(bad, []byte(strings.Replace(twoScores, "0.75,1,1", "0.75,x,1", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "--run DIR"},
		{[]string{"--score"}, exitUsage, "--score takes"},
		{[]string{"--score", "a.csv", "b.csv"}, exitUsage, "--score takes"},
		{[]string{"--score", "--run", dir, "a.csv"}, exitUsage, "--score takes"},
		{[]string{"--score", bad, "--curve-steps", "0"}, exitUsage, "--curve-steps 0"},
		{[]string{"--score", bad, "--class", "mel"}, exitUsage, "--class"},
		{[]string{"--score", "--run", dir}, exitFailed, "not a run folder"},
		{[]string{"--score", bad}, exitFailed, "bad.csv:2: column soft-attention.pointing"},
		{[]string{"--score", filepath.Join(dir, "none.csv")}, exitFailed, "none.csv"},
	} {
		var stdout, stderr bytes.Buffer
		code := execute(context.Background(), append([]string{"explain"}, c.args...), &stdout, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.want) || stdout.Len() != 0 {
			t.Errorf("%v: exit code %d, %q, %q", c.args, code, stdout.String(), stderr.String())
		}
	}
}
