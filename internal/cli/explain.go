package cli

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/npy"
	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/attention"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

type explainCommand struct {
	Dir          string   `name:"run" help:"Run folder with the trained network (default: the released model)." placeholder:"DIR"`
	Images       []string `arg:"" optional:"" name:"image" help:"Photos, JPEG or PNG of any size."`
	Out          string   `help:"Folder for pictures and maps." placeholder:"DIR"`
	Class        string   `help:"The class to explain, such as mel (default: the predicted one)." placeholder:"CLASS"`
	Method       []string `help:"What to compute: ${methods} (default: soft-attention,grad-cam)." placeholder:"NAME"`
	Layer        string   `help:"For Grad-CAM: a layer by its Keras name, cut (before the Soft-Attention) or attended (after it)." default:"cut" placeholder:"NAME"`
	Samples      int      `help:"For SmoothGrad: noisy copies." default:"25" placeholder:"N"`
	Noise        float64  `help:"For SmoothGrad: the noise's standard deviation as a share of the photo's range." default:"0.15" placeholder:"X"`
	Patch        int      `help:"For occlusion: side of the square in pixels of the network's input (default: an eighth of it)." placeholder:"PX"`
	Stride       int      `help:"For occlusion: pixels between two squares (default: half of --patch)." placeholder:"PX"`
	Fill         string   `help:"For occlusion: the square's grey level, 0 to 255, or mean for the photo's mean colour." default:"mean" placeholder:"GREY"`
	Mask         string   `help:"The lesion's mask, whose outline is drawn (default: the one in --data, by the photo's name)." placeholder:"FILE"`
	Format       string   `help:"Format of the pictures: ${enum}." enum:"png,svg,pdf" default:"png" placeholder:"NAME"`
	Values       string   `help:"Format of the maps: ${enum}." enum:"csv,npy" default:"csv" placeholder:"NAME"`
	patientFlags `embed:""`
	explainScore `embed:""`
}

// explanationRow is an entry of the JSON answer, and a JSON file beside the maps.
type explanationRow struct {
	Image         string              `json:"image"`
	Prediction    string              `json:"prediction,omitempty"`
	Class         string              `json:"class,omitempty"`
	Probability   *float32            `json:"probability,omitempty"` // of the class
	Probabilities map[string]float32  `json:"probabilities,omitempty"`
	Metadata      *predictionMetadata `json:"metadata,omitempty"`
	Assumed       []string            `json:"assumed,omitempty"`
	judgement
	Mask    string   `json:"mask,omitempty"`
	Overlay string   `json:"overlay,omitempty"`
	Maps    []mapRow `json:"maps,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// mapRow is a map of an explanationRow, with the options of its method.
type mapRow struct {
	Method  string   `json:"method"`
	Head    int      `json:"head,omitempty"`
	File    string   `json:"file"`
	Height  int      `json:"height"`
	Width   int      `json:"width"`
	Low     float32  `json:"low"` // least value
	High    float32  `json:"high"`
	Flat    bool     `json:"flat"` // the map points nowhere
	Layer   string   `json:"layer,omitempty"`
	Samples int      `json:"samples,omitempty"`
	Noise   *float64 `json:"noise,omitempty"`
	Seed    *uint64  `json:"seed,omitempty"`
	Patch   int      `json:"patch,omitempty"`
	Stride  int      `json:"stride,omitempty"`
	Fill    string   `json:"fill,omitempty"`
}

func (c *explainCommand) Run(s *session) error {
	if c.Score {
		return c.score(s)
	}
	if c.Out == "" || len(c.Images) == 0 {
		return usagef("explain takes --out DIR and photos, and --run DIR for another network than the released one; or --score")
	}
	given, err := c.given()
	if err != nil {
		return err
	}
	class := explain.Predicted
	if c.Class != "" {
		if class, err = ham10000.ClassIndex(c.Class); err != nil {
			return usagef("--class: %w", err)
		}
	}
	if c.Mask != "" && len(c.Images) > 1 {
		return usagef("--mask is of one photo, %d are given; --data DIR takes each photo's mask from a folder", len(c.Images))
	}
	if err := differentNames(c.Images); err != nil {
		return err
	}
	folder, _, options, err := c.prepare(s)
	if err != nil {
		return err
	}
	network, err := s.openPredictor(folder)
	if err != nil {
		return err
	}
	defer network.Close()
	metadata, err := given.Complete(network.MeanAge())
	if err != nil {
		return usageError{err}
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("making the folder for the maps: %w", err)
	}
	masks := c.masks(s)
	progress := s.progress("explaining")
	rows := make([]explanationRow, 0, len(c.Images))
	failed := 0
	err = attention.ExplainFiles(s.ctx, network.Model, c.Images, metadata, class, options, func(i int, x attention.FileExplanation) error {
		row := explanationRow{Image: x.Path}
		if x.Err != nil {
			row.Error = x.Err.Error()
			failed++
		} else {
			if network.Metadata {
				row.Metadata, row.Assumed = (*predictionMetadata)(&metadata), given.Unknown()
			}
			x.Prediction = network.calibrated(x.Prediction)
			row.judgement = network.judge(x.Prediction)
			if err := c.save(&row, x, network.Resize, masks(x.Path), options); err != nil {
				return err
			}
		}
		rows = append(rows, row)
		progress(i+1, len(c.Images))
		return nil
	})
	if err != nil {
		return err
	}
	if s.JSON {
		err = s.answer(rows)
	} else {
		err = writeExplanations(s.stdout, network, rows)
	}
	if err == nil && failed > 0 {
		err = errors.New(plural(failed, "image") + " could not be read; the others are explained")
	}
	return err
}

// prepare opens the run and completes the options for its network, before the engine
// starts, so that a wrong flag is reported at once.
func (c *explainCommand) prepare(s *session) (*run.Folder, *skinattn.Network, explain.Options, error) {
	options, err := c.options(s)
	if err != nil {
		return nil, nil, options, err
	}
	folder, err := models.Open(c.Dir)
	if err != nil {
		return nil, nil, options, err
	}
	cfg, err := folder.Config()
	if err != nil {
		return nil, nil, options, err
	}
	net, err := skinattn.NewNetwork(cfg.Network)
	if err != nil {
		return nil, nil, options, err
	}
	if c.Method == nil && !net.SoftAttention {
		options.Methods = []explain.Method{explain.GradCAM}
	}
	if options, err = options.Complete(net); err != nil {
		err = usageError{err}
	}
	return folder, net, options, err
}

// options returns the options that the flags ask for.
func (c *explainCommand) options(s *session) (explain.Options, error) {
	options := explain.DefaultOptions()
	options.Layer, options.Samples, options.Noise, options.Seed = c.Layer, c.Samples, c.Noise, s.seed()
	options.Patch, options.Stride = c.Patch, c.Stride
	if c.Method != nil {
		options.Methods = nil
	}
	for _, name := range c.Method {
		m, err := explain.ParseMethod(name)
		if err != nil {
			return options, usagef("--method: %w", err)
		}
		options.Methods = append(options.Methods, m)
	}
	if c.Fill != "mean" {
		fill, err := strconv.ParseFloat(c.Fill, 64)
		if err != nil || !(fill >= 0 && fill <= math.MaxUint8) {
			return options, usagef("--fill is %q; it must be a grey level in 0 to 255, or mean", c.Fill)
		}
		options.Fill = fill
	}
	return options, nil
}

// differentNames returns an error if the maps of two photos would have the same names.
func differentNames(paths []string) error {
	seen := map[string]string{}
	for _, path := range paths {
		name := stem(path)
		if other, ok := seen[name]; ok {
			return usagef("%s and %s have the same name, and so would their maps; explain them into different folders", other, path)
		}
		seen[name] = path
	}
	return nil
}

// stem returns a file's name without its extension.
func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// masks returns a function that finds the mask of a photo; an empty path means none.
func (c *explainCommand) masks(s *session) func(path string) string {
	if c.Mask != "" {
		return func(string) string { return c.Mask }
	}
	if s.Data == "" {
		return func(string) string { return "" }
	}
	data, err := s.openData()
	if err != nil {
		s.log("warning: no outlines of lesions: " + withAdvice(err))
		return func(string) string { return "" }
	}
	return func(path string) string {
		mask, _ := data.MaskPath(stem(path))
		return mask
	}
}

// readMask reads a photo's mask; an empty path gives nil.
func readMask(path string, photo *imaging.RGB) (image.Image, error) {
	if path == "" {
		return nil, nil
	}
	mask, err := imaging.DecodeFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the mask: %w", err)
	}
	if err := ham10000.CheckMaskAspect(path, mask.Width, mask.Height, photo.Width, photo.Height); err != nil {
		return nil, fmt.Errorf("mask %w", err)
	}
	return mask.Image(), nil
}

// save writes the files of a photo and fills in its row.
func (c *explainCommand) save(row *explanationRow, x attention.FileExplanation, fit imaging.ResizeMode, maskPath string, options explain.Options) error {
	mask, err := readMask(maskPath, x.Photo)
	if err != nil {
		return err
	}
	row.Mask = maskPath
	row.Prediction, row.Probabilities = byClass(x.Prediction.Probabilities)
	row.Class = ham10000.Classes[x.Class]
	row.Probability = &x.Prediction.Probabilities[x.Class]
	name := filepath.Join(c.Out, stem(x.Path))
	for _, m := range x.Maps {
		file := name + "-" + m.Name()
		if m.Class != "" {
			file += "-" + m.Class
		}
		file += "." + c.Values
		if err := writeMap(file, m); err != nil {
			return err
		}
		row.Maps = append(row.Maps, describe(m, file, options))
	}
	row.Overlay = name + "-" + row.Class + "." + c.Format
	if err := drawOverlay(row, x, fit, mask); err != nil {
		return err
	}
	return atomicfile.WriteFile(name+"-"+row.Class+".json", func(w io.Writer) error { return writeJSON(w, row) })
}

// describe returns the row of a map.
func describe(m explain.Map, file string, options explain.Options) mapRow {
	row := mapRow{Method: string(m.Method), Head: m.Head, File: file, Height: m.Height, Width: m.Width, Flat: m.Flat()}
	row.Low, row.High = m.Range()
	switch m.Method {
	case explain.GradCAM, explain.GradCAMPlusPlus:
		row.Layer = options.Layer
	case explain.SmoothGrad:
		row.Samples, row.Noise, row.Seed = options.Samples, &options.Noise, &options.Seed
	case explain.Occlusion:
		row.Patch, row.Stride, row.Fill = options.Patch, options.Stride, "mean"
		if options.Fill != explain.MeanColor {
			row.Fill = strconv.FormatFloat(options.Fill, 'g', -1, 64)
		}
	}
	return row
}

// name is the method, with the number of a single head.
func (m mapRow) name() string {
	return explain.Map{Method: explain.Method(m.Method), Head: m.Head}.Name()
}

// writeMap writes a map's values: npy, or CSV without a header.
func writeMap(path string, m explain.Map) error {
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		if strings.HasSuffix(path, ".npy") {
			return npy.Write(w, []int{m.Height, m.Width}, m.Values)
		}
		var text bytes.Buffer
		for i, v := range m.Values {
			text.Write(strconv.AppendFloat(nil, float64(v), 'g', -1, 32))
			if (i+1)%m.Width == 0 {
				text.WriteByte('\n')
			} else {
				text.WriteByte(',')
			}
		}
		_, err := text.WriteTo(w)
		return err
	})
}

func writeExplanations(w io.Writer, network *predictor, rows []explanationRow) error {
	var text strings.Builder
	var predicted []predictionRow
	for _, r := range rows {
		if r.Error != "" {
			fmt.Fprintf(&text, "%s: error: %s\n", oneline.Name(r.Image), oneline.Name(r.Error))
			continue
		}
		fmt.Fprintf(&text, "%s: %s (%.4f); maps for %s (%.4f) in %s\n", oneline.Name(r.Image), ham10000.ClassName(r.Prediction), r.Probabilities[r.Prediction],
			ham10000.ClassName(r.Class), *r.Probability, oneline.Name(r.Overlay))
		for _, m := range r.Maps {
			if m.Flat {
				fmt.Fprintf(&text, "  %s is flat and points nowhere: %.4g to %.4g\n", m.name(), m.Low, m.High)
			}
		}
		predicted = append(predicted, predictionRow{Image: r.Image, Prediction: r.Prediction, Metadata: r.Metadata, Assumed: r.Assumed, judgement: r.judgement})
	}
	text.WriteString(notes(network, tallyOf(predicted)))
	_, err := io.WriteString(w, text.String())
	return err
}
