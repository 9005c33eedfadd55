package split

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/csvtable"
	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

var header = []string{"image_id", "lesion_id", "dx", "part"}

// Summary is the content of the JSON file beside a split's CSV.
type Summary struct {
	Protocol string `json:"protocol"`
	Seed     uint64 `json:"seed"`
	Folds    int    `json:"folds,omitempty"`
	// Fold is present only if Folds is.
	Fold  *int `json:"fold,omitempty"`
	AsRun bool `json:"as_run,omitempty"`
	// TestShare is present only if it differs from the protocol's share.
	TestShare float64 `json:"test_share,omitempty"`
	// Arm is present only for a protocol with arms.
	Arm string `json:"arm,omitempty"`
	// Images and Lesions count by part, Counts counts images by part and class.
	Images  map[Part]int            `json:"images"`
	Lesions map[Part]int            `json:"lesions"`
	Counts  map[Part]map[string]int `json:"counts"`
	// LeakRate is the share of held-out images (val and test) whose lesion has a
	// photo in train; null if no image is held out.
	LeakRate        *float64            `json:"leak_rate"`
	LeakRateByClass map[string]*float64 `json:"leak_rate_by_class"`
	// SHA256 is the checksum of the CSV file, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// SummaryPath returns the name of the JSON file that belongs to the CSV file at
// path: its extension .csv replaced by .json.
func SummaryPath(path string) string { return strings.TrimSuffix(path, ".csv") + ".json" }

// checksum returns the SHA-256 of a file's content, in hexadecimal.
func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Summary describes the split. Its SHA256 is the checksum of the CSV that WriteFile
// writes.
func (s *Split) Summary() Summary {
	sum := Summary{
		Protocol: s.Protocol, Seed: s.Seed, Folds: s.Folds, AsRun: s.AsRun, TestShare: s.TestShare, Arm: s.Arm,
		Images: make(map[Part]int), Lesions: make(map[Part]int), Counts: make(map[Part]map[string]int),
		LeakRateByClass: make(map[string]*float64), SHA256: checksum(s.encode()),
	}
	if s.Folds > 0 {
		sum.Fold = &s.Fold
	}
	for _, count := range s.Counts() {
		sum.Images[count.Part] = count.Images
		sum.Lesions[count.Part] = count.Lesions
		byClass := make(map[string]int)
		for class, dx := range ham10000.Classes {
			byClass[dx] = count.ByClass[class]
		}
		sum.Counts[count.Part] = byClass
	}
	leak := s.LeakRate()
	sum.LeakRate = rateJSON(leak.Overall)
	for class, dx := range ham10000.Classes {
		sum.LeakRateByClass[dx] = rateJSON(leak.ByClass[class])
	}
	return sum
}

// rateJSON returns the rate, or nil, which is null in JSON, if it is undefined.
func rateJSON(r eval.LeakRate) *float64 {
	if r.Images == 0 {
		return nil
	}
	v := r.Share()
	return &v
}

// WriteFile writes the split to path as CSV (image_id,lesion_id,dx,part) and
// its Summary to SummaryPath. Existing files are replaced, each in one step; a device or a
// pipe is written into and has no summary beside it. Equal splits give equal bytes.
func (s *Split) WriteFile(path string) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if strings.HasSuffix(path, ".json") {
		return fmt.Errorf("writing %s: .json is the ending of the summary beside the split; give the split the ending .csv", path)
	}
	summary, err := json.MarshalIndent(s.Summary(), "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", SummaryPath(path), err)
	}
	beside := atomicfile.Replaces(path)
	if err := atomicfile.WriteBytes(path, s.encode()); err != nil || !beside {
		return err
	}
	return atomicfile.WriteBytes(SummaryPath(path), append(summary, '\n'))
}

func (s *Split) encode() []byte {
	var buf bytes.Buffer
	out := csv.NewWriter(&buf)
	out.Write(header) // a bytes.Buffer does not fail
	for _, r := range s.Rows {
		out.Write([]string{r.ImageID, r.LesionID, r.Dx, string(r.Part)})
	}
	out.Flush()
	return buf.Bytes()
}

// ReadFile reads a split from the files of WriteFile, or from such a CSV file alone; the
// protocol is then empty. Errors name the file and the line. If the JSON file exists,
// it must have the SHA-256 of the CSV file, and the split must keep the protocol's
// promises (see Split.Check).
func ReadFile(path string) (*Split, error) { return Read(path, os.ReadFile) }

// Read is [ReadFile] for files that readFile reads; an fs.ErrNotExist means that a file is
// not there.
func Read(path string, readFile func(path string) ([]byte, error)) (*Split, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the split: %w", err)
	}
	s := &Split{}
	if s.Rows, err = parse(bytes.NewReader(content), path); err != nil {
		return nil, err
	}
	if err := s.readSummary(path, content, readFile); err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// readSummary takes protocol and options from the JSON file beside the CSV file
// at csvPath, if there is one.
func (s *Split) readSummary(csvPath string, content []byte, readFile func(path string) ([]byte, error)) error {
	path := SummaryPath(csvPath)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the split's summary: %w", err)
	}
	var summary Summary
	if err := json.Unmarshal(text, &summary); err != nil {
		return fmt.Errorf("%s: %w", path, oneline.JSON(text, err))
	}
	if summary.SHA256 != checksum(content) {
		return fmt.Errorf("%s has not the SHA-256 that %s gives, so one of them was changed; write the split anew, or remove the JSON file to use the CSV as it is",
			csvPath, filepath.Base(path))
	}
	opts := Options{Seed: summary.Seed, Folds: summary.Folds, AsRun: summary.AsRun, TestShare: summary.TestShare, Arm: summary.Arm}
	if summary.Fold != nil {
		opts.Fold = *summary.Fold
	}
	if summary.Protocol != "" { // empty for a split made elsewhere and written again
		if err := opts.Check(summary.Protocol); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	s.Protocol, s.Options = summary.Protocol, opts
	return nil
}

// parse reads the rows of a split's CSV; name stands for the file in errors.
func parse(r io.Reader, name string) ([]Row, error) {
	t, err := csvtable.NewReader(r, name)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(t.Header(), header) {
		return nil, t.Errorf("want the header %s of a split", strings.Join(header, ","))
	}
	var rows []Row
	known := rowCheck{map[string]int{}, map[string]string{}}
	err = t.Each(func(fields []string) error {
		row := Row{ImageID: strings.Clone(fields[0]), LesionID: strings.Clone(fields[1]), Dx: strings.Clone(fields[2]), Part: Part(strings.Clone(fields[3]))}
		if row.ImageID == "" {
			return csvtable.Errorf("image_id", "the field is empty")
		}
		if row.LesionID == "" {
			return csvtable.Errorf("lesion_id", "the field is empty")
		}
		rows = append(rows, row)
		return known.check(row, t.Line())
	})
	if err == nil && len(rows) == 0 {
		err = t.Errorf("no rows below the header")
	}
	if err != nil {
		return nil, err
	}
	return rows, nil
}
