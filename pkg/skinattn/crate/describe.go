package crate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Addresses of the specifications and of what every run rests on.
const (
	specification = "https://w3id.org/ro/crate/1.2"
	// ancestor is the version that the profile builds on; its validators ask for it.
	ancestor   = "https://w3id.org/ro/crate/1.1"
	profile    = "https://w3id.org/ro/wfrun/process/0.5"
	repository = "https://github.com/skinattn/skinattn"
	ham10000   = "https://doi.org/10.7910/DVN/DBW86T"
	root       = "./"
)

// entity is a JSON-LD object of the description.
type entity map[string]any

// reference points to an entity.
type reference struct {
	ID string `json:"@id"`
}

// references points to entities, to a single one without a list, as RO-Crate 1.2 recommends.
func references(ids []string) any {
	if len(ids) == 1 {
		return reference{ids[0]}
	}
	list := []reference{}
	for _, id := range ids {
		list = append(list, reference{id})
	}
	return list
}

// document is ro-crate-metadata.json.
type document struct {
	Context string   `json:"@context"`
	Graph   []entity `json:"@graph"`
}

// describer collects the entities of a description, each once.
type describer struct {
	opts    Options
	graph   []entity
	known   map[string]bool
	parts   []string // of the root
	actions []string
}

// add adds an entity unless it is there, and returns its id.
func (d *describer) add(id string, e entity) string {
	if !d.known[id] {
		d.known[id] = true
		e["@id"] = id
		d.graph = append(d.graph, e)
	}
	return id
}

// describe makes the description of runs whose files have sizes and checksums.
func describe(runs []*source, opts Options) (document, error) {
	d := &describer{opts: opts, known: map[string]bool{}}
	d.opts.License = cmp.Or(opts.License, License)
	d.add(MetadataFile, entity{"@type": "CreativeWork", "name": "Description of this crate",
		"about": reference{root}, "conformsTo": references([]string{specification, ancestor})})
	whole := entity{"@type": "Dataset"}
	d.add(root, whole)
	d.add(profile, entity{"@type": []string{"CreativeWork", "Profile"}, "name": "Process Run Crate", "version": "0.5"})
	d.add(d.opts.License, entity{"@type": "CreativeWork", "name": licenseName(d.opts.License), "description": "Licence of this crate: " + d.opts.License})

	var names, told []string
	for _, s := range runs {
		text, err := d.run(s)
		if err != nil {
			return document{}, fmt.Errorf("describing run %s: %w", s.Dir, err)
		}
		names, told = append(names, s.name), append(told, text)
	}
	whole["name"] = cmp.Or(opts.Name, "Runs of skinattn: "+strings.Join(names, ", "))
	whole["description"] = "Trained networks for the classification of skin lesions, after \"Diagnostic support of skin lesion classification using CNN and Soft Attention\" (Sensors 2022). " +
		"For research and teaching; not a medical device. " + strings.Join(told, " ")
	whole["datePublished"] = day(opts.Published).Format(time.DateOnly)
	whole["license"] = reference{d.opts.License}
	whole["conformsTo"] = reference{profile}
	whole["hasPart"] = references(d.parts)
	whole["mentions"] = references(d.actions)
	if opts.Author != "" {
		whole["author"] = reference{d.author()}
		whole["publisher"] = reference{d.author()}
	}
	return document{Context: specification + "/context", Graph: d.graph}, nil
}

func licenseName(address string) string {
	if address == License {
		return "Creative Commons Attribution-NonCommercial 4.0 International"
	}
	return address
}

// author adds the person who ran the trainings.
func (d *describer) author() string {
	return d.add(cmp.Or(d.opts.ORCID, "#author"), entity{"@type": "Person", "name": d.opts.Author})
}

// run adds a run, and returns what is to be said of it in the description of the crate.
func (d *describer) run(s *source) (told string, err error) {
	config, err := s.Config()
	if err != nil {
		return "", err
	}
	folder := entity{"@type": "Dataset", "name": s.name}
	id := d.add(encode(s.name)+"/", folder)
	d.parts = append(d.parts, id)

	metrics, err := optional(s.Metrics())
	if err != nil {
		return "", err
	}
	parts, err := optional(s.Split())
	if err != nil {
		return "", err
	}
	environment, err := optional(s.Environment())
	if err != nil {
		return "", err
	}
	told = s.name + ": " + summary(config, metrics, parts)
	for _, caveat := range environment.Caveats() {
		told += " Note: " + strings.TrimSuffix(caveat, ".") + "."
	}
	folder["description"] = told
	folder["hasPart"] = references(d.files(s, "", metrics))

	verb := "Training"
	if config.Regime == nil {
		verb = "Import"
	}
	action := entity{"@type": "CreateAction", "name": verb + " of " + s.name, "instrument": reference{d.software(environment)}}
	action["description"] = fmt.Sprintf("%s by skinattn%s. The run folder does not record at what time.", verb, circumstances(environment))
	inputs := d.options(s, config)
	if parts != nil && ofHAM10000(parts) {
		inputs = append(inputs, d.data())
	}
	action["object"] = references(inputs)
	results := []string{id}
	for _, f := range s.files {
		if f.path == run.MetricsFile || f.path == run.PredictionsFile(split.Test) || f.path == run.PredictionsFile(split.Val) {
			results = append(results, s.id(f))
		}
	}
	action["result"] = references(results)
	if d.opts.Author != "" {
		action["agent"] = reference{d.author()}
	}
	if metrics != nil || config.Regime == nil {
		action["actionStatus"] = "http://schema.org/CompletedActionStatus"
	}
	d.actions = append(d.actions, d.add("#run-"+encode(s.name), action))
	return told, nil
}

// optional returns the content of a file, or nil if the run does not have it.
func optional[T any](value T, err error) (out T, _ error) {
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	return value, err
}

// summary says in a sentence or two what a run is and what its numbers are worth.
func summary(config run.Config, metrics *eval.Metrics, parts *split.Split) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %d px", config.Network.Backbone, config.Network.Size)
	switch {
	case config.Regime == nil:
		b.WriteString(", weights imported from a Keras file.")
		return b.String()
	case config.Regime.Name != "":
		fmt.Fprintf(&b, ", regime %s", config.Regime.Name)
	}
	fmt.Fprintf(&b, ", protocol %s, seed %d.", cmp.Or(config.Data.Protocol, "of its own"), config.Seed)
	if config.FastDevRun {
		b.WriteString(" A trial of a few batches, whose numbers mean nothing.")
	}
	if config.Regime.Name == spec.Demo {
		b.WriteString(" Trained on synthetic lesions, not on photos.")
	}
	switch {
	case parts == nil:
		b.WriteString(" Its split is missing, so that a leak can't be ruled out.")
	case parts.LeakRate().Overall.Share() > 0:
		fmt.Fprintf(&b, " Leaky: %.1f%% of the held-out images show a lesion that was trained on.", 100*parts.LeakRate().Overall.Share())
	default:
		b.WriteString(" No held-out image shows a lesion that was trained on.")
	}
	if metrics == nil {
		b.WriteString(" The training is not finished: there are no metrics.")
	}
	return b.String()
}

// id is a file's place in the crate, as a relative address.
func (s *source) id(f *file) string { return encode(s.name + "/" + f.path) }

// encode escapes what an address can't have as it is. Letters of all alphabets can stay.
func encode(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("\"<>\\^`{|}%?#[]:", r) {
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// files adds the files and folders of a folder of a run, and returns those directly in it.
func (d *describer) files(s *source, dir string, metrics *eval.Metrics) (ids []string) {
	inner := map[string]bool{}
	for _, f := range s.files {
		rest, inside := strings.CutPrefix(f.path, dir)
		if !inside {
			continue
		}
		if sub, _, deeper := strings.Cut(rest, "/"); deeper {
			if sub = dir + sub + "/"; !inner[sub] {
				inner[sub] = true
				folder := entity{"@type": "Dataset", "name": sub, "description": "Folder of the run " + s.name + "."}
				ids = append(ids, d.add(encode(s.name+"/"+sub), folder))
				folder["hasPart"] = references(d.files(s, sub, metrics))
			}
			continue
		}
		e := entity{"@type": "File", "name": s.name + "/" + f.path, "description": describeFile(f.path),
			"encodingFormat": mediaType(f.path), "contentSize": fmt.Sprint(f.size), "sha256": f.sha256}
		if f.path == run.MetricsFile && metrics != nil {
			e["variableMeasured"] = references(d.measured(s, metrics))
		}
		ids = append(ids, d.add(s.id(f), e))
	}
	return ids
}

// described are the files of docs/run-folder.md.
var described = map[string]string{
	run.ConfigFile:                   "Everything needed to train the run again.",
	run.EnvironmentFile:              "Machine and program.",
	run.SplitFile:                    "The part of each image: image_id, lesion_id, dx, part.",
	split.SummaryPath(run.SplitFile): "Protocol, seed, counts, leak rate and checksum of the split.",
	run.HistoryFile:                  "A row an epoch: seconds, learning rate, losses, accuracies.",
	run.RecallFile:                   "Validation recall of each class, a row an epoch.",
	run.MetricsFile:                  "Metrics of the test predictions with 95 % intervals.",
	run.PredictionsFile(split.Val):   "Probabilities of each validation image.",
	run.PredictionsFile(split.Test):  "Probabilities of each reported image.",
}

// describeFile says what a file of a run is.
func describeFile(name string) string {
	if text, ok := described[name]; ok {
		return text
	}
	switch dir, _, _ := strings.Cut(name, "/"); {
	case strings.HasPrefix(name, "attention") && path.Ext(name) == ".csv":
		return "Scores of explanation maps, a row an image."
	case dir == run.CheckpointDir:
		return "Part of a checkpoint: weights or state of the training."
	case dir == run.FiguresDir:
		return "A figure, or the numbers of one."
	case dir == run.TensorBoardDir:
		return "Events for TensorBoard."
	}
	return "A file that lay in the run folder."
}

func mediaType(name string) string {
	types := map[string]string{".csv": "text/csv", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg",
		".pdf": "application/pdf", ".html": "text/html", ".md": "text/markdown", ".txt": "text/plain"}
	return cmp.Or(types[strings.ToLower(path.Ext(name))], "application/octet-stream")
}

// measured adds the first metrics of a run with their intervals.
func (d *describer) measured(s *source, m *eval.Metrics) (ids []string) {
	for _, name := range []string{"accuracy", "balanced_accuracy", "macro_f1", "auroc_macro"} {
		value, ok := m.Value(name)
		if !ok || math.IsNaN(value) {
			continue
		}
		e := entity{"@type": "PropertyValue", "name": name, "value": value, "description": fmt.Sprintf("Of %d reported images.", m.N)}
		if ci, ok := m.CI[name]; ok && ci.Defined() {
			e["minValue"], e["maxValue"] = ci.Low, ci.High
			e["description"] = fmt.Sprintf("Of %d reported images; from minValue to maxValue: 95 %% interval.", m.N)
		}
		ids = append(ids, d.add("#"+encode(s.name+"/"+name), e))
	}
	return ids
}

// options adds every option of config.json, by its path there.
func (d *describer) options(s *source, config run.Config) (ids []string) {
	values := config.Values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		var value any
		if json.Unmarshal(values[name], &value) != nil {
			continue
		}
		switch value.(type) {
		case string, bool:
		default: // numbers keep all their digits, lists are one text
			value = string(values[name])
		}
		ids = append(ids, d.add("#"+encode(s.name+"/"+name), entity{"@type": "PropertyValue", "name": name, "value": value}))
	}
	return ids
}

// ofHAM10000 reports whether all images have ids of that data set.
func ofHAM10000(parts *split.Split) bool {
	for _, row := range parts.Rows {
		if row.ImageID < "ISIC_0024306" || row.ImageID > "ISIC_0034320" {
			return false
		}
	}
	return len(parts.Rows) > 0
}

// data adds HAM10000, which lies outside of the crate.
func (d *describer) data() string {
	d.add(License, entity{"@type": "CreativeWork", "name": licenseName(License), "description": "Licence of HAM10000: " + License})
	return d.add(ham10000, entity{"@type": "CreativeWork", "additionalType": "http://schema.org/Dataset", "name": "HAM10000", // no data entity: it is not in the crate
		"description": "10,015 dermatoscopic images of 7,470 lesions. P. Tschandl, C. Rosendahl, H. Kittler, Scientific Data 5, 180161 (2018), https://doi.org/10.1038/sdata.2018.161. Not part of this crate.",
		"license":     reference{License}})
}

// software adds the program in its version, with the modules that decide about numbers.
func (d *describer) software(e run.Environment) string {
	id, version := repository, "unknown"
	if e.Commit != "" {
		id, version = repository+"/tree/"+e.Commit, e.Commit
		if e.Modified {
			version += ", with uncommitted changes"
		}
	}
	program := entity{"@type": "SoftwareApplication", "name": "skinattn", "url": repository, "version": version}
	var needs []string
	for _, module := range slices.Sorted(maps.Keys(e.Modules)) {
		at := "https://pkg.go.dev/" + module + "@" + e.Modules[module]
		needs = append(needs, d.add(at, entity{"@type": "SoftwareApplication", "name": module, "url": at, "version": e.Modules[module]}))
	}
	if len(needs) > 0 {
		program["softwareRequirements"] = references(needs)
	}
	return d.add(id, program)
}

// circumstances names the machine and the engine.
func circumstances(e run.Environment) string {
	if e.Engine == "" {
		return ""
	}
	return fmt.Sprintf(" with engine %s, %s", e.Computes(), e.Go)
}
