package sweep

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skinattn/skinattn/internal/atomicfile"
)

// stateDir is the folder, among the run folders, with what a sweep knows of its cells: a log
// for each, and why some failed.
const stateDir = ".sweep"

// Dir is the cell's run folder among runs.
func (c *Cell) Dir(runs string) string { return filepath.Join(runs, c.Name) }

// LogFile is the file with what the cell's trainings said, all that there were.
func (c *Cell) LogFile(runs string) string { return filepath.Join(runs, stateDir, c.Name+".log") }

func (c *Cell) failureFile(runs string) string {
	return filepath.Join(runs, stateDir, c.Name+failureSuffix)
}

const failureSuffix = ".failed.json"

// Failure says why a cell's training failed the last time that it was tried.
type Failure struct {
	// Line is the last line of what the training said.
	Line string `json:"line"`
	// Exit is the exit code; -1 if a signal ended the process.
	Exit int       `json:"exit"`
	Host string    `json:"host"`
	Time time.Time `json:"time"`
}

// failure reads why the cell failed; nil if it did not.
func (c *Cell) failure(runs string) (*Failure, error) {
	text, err := os.ReadFile(c.failureFile(runs))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := new(Failure)
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", c.failureFile(runs), err)
	}
	return f, nil
}

// fail records that the cell failed.
func (c *Cell) fail(runs string, f Failure) error {
	return atomicfile.WriteFile(c.failureFile(runs), func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(f)
	})
}

// forgive removes the record of a failure.
func (c *Cell) forgive(runs string) error {
	if err := os.Remove(c.failureFile(runs)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lastLine is the last line with text in what a process said, without the program's name.
func lastLine(said []byte) string {
	last := ""
	lines := bufio.NewScanner(bytes.NewReader(said))
	lines.Buffer(nil, len(said)+1)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			last = line
		}
	}
	return strings.TrimPrefix(last, "skinattn: ")
}
