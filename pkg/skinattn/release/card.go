package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

var cardTemplate = template.Must(template.ParseFS(texts, "card.md"))

// card is the data of card.md. Fields with Markdown tables end in a line break.
type card struct {
	Name, Title                             string
	Network                                 spec.Network
	Parameters                              string
	WeightsFile, WeightsSize, WeightsSHA256 string

	Images, Lesions, SourceSize     string
	Parts                           string
	Protocol, ProtocolSummary, Leak string
	Sites                           string // what the network saw of coarse sites; empty if there are none
	SplitSeed                       uint64
	Command, Training               string
	Overall                         string
	ByClass                         []classTable
	Groups                          string
	Temperature, Threshold, Level   string
	Calibration, Confidence         string
	MetadataDropout, MetadataAbsent string
	Unusual                         *unusual // nil: the model has no score of unusual photos
	Official                        bool     // whether there are official photos, which lack metadata
}

// unusual is the score of unusual photos.
type unusual struct {
	*run.Unusual
	Images, Threshold, Level, Above, Compared string
}

// classTable is a table by class of a set.
type classTable struct{ Set, Table string }

// Card is the model card of a released model, made from its files.
func Card(f *run.Folder, name string) ([]byte, error) {
	c := card{Name: name}
	for _, fill := range []func(*run.Folder) error{c.network, c.data, c.training, c.results, c.calibration, c.unusual} {
		if err := fill(f); err != nil {
			return nil, fmt.Errorf("writing the model card: %w", err)
		}
	}
	var text bytes.Buffer
	if err := cardTemplate.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("writing the model card: %w", err)
	}
	return text.Bytes(), nil
}

func (c *card) network(f *run.Folder) error {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	net, err := skinattn.NewNetwork(cfg.Network)
	if err != nil {
		return err
	}
	row, err := backbone.Find(cfg.Network.Backbone)
	if err != nil {
		return err
	}
	total, _ := net.Graph.Parameters()
	c.Title, c.Network, c.Parameters = row.Title, net.Network, thousands(total)
	if r := cfg.Regime; r != nil && r.MetadataDropout > 0 {
		c.MetadataDropout = decimal(r.MetadataDropout, -1)
		if r.MetadataAbsent > 0 {
			c.MetadataAbsent = decimal(r.MetadataAbsent, -1)
		}
	}
	weights, err := f.ReadDir(run.CheckpointDir)
	if err != nil {
		return err
	}
	if len(weights) != 1 {
		return fmt.Errorf("%s has %d checkpoints; a released model has one", f.Dir, len(weights))
	}
	c.WeightsFile = run.CheckpointDir + "/" + weights[0].Name() + "/" + checkpoint.WeightsFile
	content, err := f.ReadFile(c.WeightsFile)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	c.WeightsSHA256, c.WeightsSize = hex.EncodeToString(sum[:]), decimal(float64(len(content))/1e6, 1)
	return nil
}

// coarseSites says what the network saw of the sites that the ISIC Archive has. counts is
// run.Data's CoarseSites.
func coarseSites(counts string) string {
	if counts == "" {
		return ""
	}
	var stands []string
	for _, site := range ham10000.CoarseSites {
		stands = append(stands, fmt.Sprintf("%s for %s", site.Name, strings.Join(site.Stands, ", ")))
	}
	return "The metadata are those of the ISIC Archive, whose sites are coarser: " + counts + ". They stand for several sites (" + strings.Join(stands, "; ") +
		"), and the network saw the share of each of these in HAM10000."
}

func (c *card) data(f *run.Folder) error {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	parts, err := f.Split()
	if err != nil {
		return err
	}
	lesions := map[string]bool{}
	for _, r := range parts.Rows {
		lesions[r.LesionID] = true
	}
	c.Images, c.Lesions, c.SourceSize = thousands(len(parts.Rows)), thousands(len(lesions)), cfg.Data.SourceSize
	if c.SourceSize == "" {
		c.SourceSize = "an unrecorded number of"
	}
	c.Sites = coarseSites(cfg.Data.CoarseSites)
	head := append([]string{"part", "photos", "lesions"}, ham10000.Classes...)
	var rows [][]string
	for _, count := range parts.Counts() {
		row := []string{"`" + string(count.Part) + "`", thousands(count.Images), thousands(count.Lesions)}
		for _, n := range count.ByClass {
			row = append(row, thousands(n))
		}
		rows = append(rows, row)
	}
	c.Parts = markdown(head, rows)
	c.Protocol, c.SplitSeed = parts.Protocol, parts.Seed
	c.ProtocolSummary = "a split made elsewhere"
	if p, err := split.Find(parts.Protocol); err == nil {
		c.ProtocolSummary = p.Summary
	}
	switch leak := parts.LeakRate().Overall; leak.Leaked {
	case 0:
		c.Leak = "No lesion is in two parts: the leak rate is 0."
	default:
		c.Leak = fmt.Sprintf("**It leaks: %s of %s held-out photos show a lesion that was trained on.**", thousands(leak.Leaked), thousands(leak.Images))
	}
	return nil
}

func (c *card) training(f *run.Folder) error {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	parts, err := f.Split()
	if err != nil {
		return err
	}
	if c.Command, err = pipeline.TrainCommand(cfg, parts.Options, "runs/"+c.Name); err != nil {
		return err
	}
	history, err := f.History()
	if err != nil {
		return err
	}
	seconds := 0.0
	for _, e := range history {
		seconds += e.Seconds
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Regime `%s` ([docs/training.md](../../docs/training.md)), seed %d, %d epochs", cfg.Regime.Name, cfg.Seed, len(history))
	switch {
	case seconds >= 3600:
		fmt.Fprintf(&text, " in %s hours", decimal(seconds/3600, 1))
	case seconds > 0:
		fmt.Fprintf(&text, " in %s minutes", decimal(seconds/60, 0))
	}
	if env, err := f.Environment(); err == nil {
		fmt.Fprintf(&text, " on %d cores of %s (%s, engine %s)", env.Cores, env.CPU, env.Go, env.Computes())
		if env.Commit != "" {
			fmt.Fprintf(&text, ", commit `%s`", env.Commit)
			if env.Modified {
				text.WriteString(" with changes on top")
			}
		}
	}
	text.WriteString(". ")
	switch cfg.Init {
	case "imagenet":
		fmt.Fprintf(&text, "First weights: Keras's ImageNet weights of the backbone, SHA-256 `%s`. ", cfg.InitSHA256)
	default:
		fmt.Fprintf(&text, "First weights: %s. ", cfg.Init)
	}
	if cfg.Regime.Select == spec.SelectLast {
		text.WriteString("The weights of the last epoch were kept.")
	} else {
		text.WriteString("The weights of the epoch with the best validation accuracy were kept.")
	}
	c.Training = text.String()
	return nil
}

// setName is the name of a set for people.
func setName(set string) string {
	names := map[string]string{"val": "validation part", "test": "test set", "official-val": "official ISIC 2018 validation photos", "official-test": "official ISIC 2018 test photos"}
	if name, ok := names[set]; ok {
		return name
	}
	return "`predictions-" + set + ".csv`"
}

func (c *card) results(f *run.Folder) error {
	evaluations, err := readEvaluations(f)
	if err != nil {
		return err
	}
	overall := [][2]string{{"accuracy", "accuracy"}, {"balanced_accuracy", "balanced accuracy (mean recall)"}, {"macro_f1", "F1, macro"}, {"auroc_macro", "AUROC, macro"},
		{"ap_macro", "average precision, macro"}, {"mcc", "Matthews correlation"}, {eval.GroupPath("malignant", "recall"), "sensitivity for malignant"},
		{eval.GroupPath("malignant", "specificity"), "specificity for malignant"}, {eval.GroupPath("malignant", "auroc"), "AUROC of malignant"}}
	head, rows := []string{""}, make([][]string, len(overall))
	for i, m := range overall {
		rows[i] = []string{m[1]}
	}
	var groups [][]string
	for _, e := range evaluations {
		if e.Group != "" {
			row := []string{e.Group + ": " + e.Value, thousands(e.Images), thousands(e.Lesions)}
			for _, m := range []string{"accuracy", "balanced_accuracy", "auroc_macro", eval.GroupPath("malignant", "recall"), eval.GroupPath("malignant", "specificity")} {
				row = append(row, e.text(m))
			}
			groups = append(groups, row)
			continue
		}
		head = append(head, fmt.Sprintf("%s: %s photos, %s lesions", setName(e.Set), thousands(e.Images), thousands(e.Lesions)))
		for i, m := range overall {
			rows[i] = append(rows[i], e.text(m[0]))
		}
		c.Official = c.Official || strings.HasPrefix(e.Set, "official-")
		c.ByClass = append(c.ByClass, classTable{setName(e.Set), e.byClass()})
	}
	c.Overall = markdown(head, rows)
	c.Groups = markdown([]string{"group", "photos", "lesions", "accuracy", "balanced accuracy", "AUROC, macro", "sensitivity for malignant", "specificity for malignant"}, groups)
	return nil
}

func (e Evaluation) byClass() string {
	var rows [][]string
	for _, class := range ham10000.Classes {
		row := []string{"`" + class + "`"}
		for _, metric := range []string{"recall", "precision", "specificity", "f1", "auroc"} {
			row = append(row, e.text(eval.ClassPath(class, metric)))
		}
		rows = append(rows, row)
	}
	return markdown([]string{"class", "recall", "precision", "specificity", "F1", "AUROC"}, rows)
}

// text is a metric with its interval.
func (e Evaluation) text(metric string) string {
	m, ok := e.Metrics[metric]
	switch {
	case !ok:
		return "-"
	case math.IsNaN(m.Low) || math.IsNaN(m.High):
		return decimal(m.Value, 3)
	}
	return fmt.Sprintf("%s [%s, %s]", decimal(m.Value, 3), decimal(m.Low, 3), decimal(m.High, 3))
}

func (c *card) calibration(f *run.Folder) error {
	calibration, err := f.Calibration()
	if err != nil {
		return err
	}
	c.Temperature = decimal(calibration.Scaling.Temperature(), 3)
	c.Threshold, c.Level = decimal(calibration.Confidence.Threshold, 2), percent(calibration.Confidence.Level)
	sets, err := testSets(f)
	if err != nil {
		return err
	}
	var errors, confidence [][]string
	for _, set := range append([]string{string(split.Val)}, sets...) {
		raw, err := f.Predictions(split.Part(set))
		if err != nil {
			return err
		}
		raw = raw.Where(func(i int) bool { return raw.Predictions().Truth[i] != eval.TruthUnknown })
		calibrated, err := calibration.Scaling.Apply(raw)
		if err != nil {
			return err
		}
		before, err := raw.Score(nil, nil)
		if err != nil {
			return err
		}
		after, err := calibrated.Score(nil, nil)
		if err != nil {
			return err
		}
		for _, row := range []struct {
			when string
			m    *eval.Metrics
		}{{"before", before}, {"after", after}} {
			errors = append(errors, []string{setName(set), row.when, decimal(row.m.NLL, 3), decimal(row.m.Brier, 3), decimal(row.m.ECE, 3), decimal(row.m.ECEEqualWidth, 3)})
		}
		confidence = append(confidence, confidenceRow(setName(set), calibrated, calibration))
	}
	c.Calibration = markdown([]string{"set", "calibration", "negative log-likelihood", "Brier score", "ECE, equal mass", "ECE, equal width"}, errors)
	c.Confidence = markdown([]string{"set", "uncertain photos", "of them predicted rightly", "other photos", "of them predicted rightly"}, confidence)
	return nil
}

func (c *card) unusual(f *run.Folder) error {
	u, err := f.Unusual()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var rows [][]string
	for _, other := range u.Compared {
		rows = append(rows, []string{other.Pictures, thousands(other.N), decimal(other.AUROC, 3), percent(other.Unusual)})
	}
	c.Unusual = &unusual{u, thousands(u.Images), decimal(u.Threshold, 3), percent(u.Level), thousands(u.Above),
		markdown([]string{"pictures", "n", "AUROC against validation photos", "called unusual"}, rows)}
	return nil
}

// confidenceRow says how right uncertain and other predictions are.
func confidenceRow(set string, calibrated *eval.Table, calibration *run.Calibration) []string {
	var counts, right [2]int
	rows := calibrated.Predictions()
	for i, probabilities := range rows.Probs {
		k := 1
		if calibration.Uncertain(probabilities) {
			k = 0
		}
		counts[k]++
		if rows.Predicted(i) == rows.Truth[i] {
			right[k]++
		}
	}
	row := []string{set}
	for k := range counts {
		row = append(row, fmt.Sprintf("%s (%s)", thousands(counts[k]), percent(float64(counts[k])/float64(max(1, counts[0]+counts[1])))), percent(float64(right[k])/float64(counts[k])))
	}
	return row
}

// decimal is a number with digits after the point, -1 for as many as it needs; "-" for NaN.
func decimal(v float64, digits int) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return decimal(100*share, 1) + " %"
}

// thousands is a count with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// markdown is a table.
func markdown(head []string, rows [][]string) string {
	lines := [][]string{head, slices.Repeat([]string{"---"}, len(head))}
	var text strings.Builder
	for _, row := range append(lines, rows...) {
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return text.String()
}
