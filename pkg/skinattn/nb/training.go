package nb

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// updateEvery is the interval between two drawings of a progress bar or of curves.
const updateEvery = 250 * time.Millisecond

// now is the clock. Tests replace it.
var now = time.Now

// bar is a progress bar.
func bar(done, total int, text string) string {
	return fmt.Sprintf(`<div><progress value="%d" max="%d" style="width: 20em"></progress> %s</div>`, done, total, text)
}

// Progress returns a function that shows progress as a bar, in place.
func Progress(title string) func(done, total int) {
	id := gonbui.UniqueId()
	var last time.Time
	return func(done, total int) {
		if done < total && now().Sub(last) < updateEvery {
			return
		}
		last = now()
		plain := ""
		if done == total {
			plain = fmt.Sprintf("%s: %d\n", title, total)
		}
		out.update(id, bar(done, total, fmt.Sprintf("%s: %d of %d", title, done, total)), plain)
	}
}

// Training shows a training run as it goes, in place: a bar for the running
// epoch, a row for each finished one, and the curves so far. It is a
// training.Watcher.
type Training struct {
	id            string
	epoch, epochs int
	done, total   int // images of the running epoch; total is 0 between epochs
	loss          float64
	accuracy      float64
	history       []run.Epoch
	rows          [][]string
	curves        string // HTML of the curves so far
	last          time.Time
}

// NewTraining returns a view for one run.
func NewTraining() *Training {
	return &Training{id: gonbui.UniqueId()}
}

var trainingHeader = []string{"epoch", "seconds", "images/s", "rate", "train loss", "train acc.", "val. loss", "val. acc.", "val. bal. acc.", ""}

// Log implements training.Watcher.
func (t *Training) Log(line string) { Log(line) }

// StartEpoch implements training.Watcher.
func (t *Training) StartEpoch(epoch, epochs, total int) {
	t.epoch, t.epochs, t.done, t.total = epoch, epochs, 0, total
	t.draw("")
}

// Step implements training.Watcher.
func (t *Training) Step(done int, loss, accuracy float64) {
	t.done, t.loss, t.accuracy = done, loss, accuracy
	if done == t.total || now().Sub(t.last) >= updateEvery {
		t.draw("")
	}
}

// EndEpoch implements training.Watcher.
func (t *Training) EndEpoch(row run.Epoch, best bool) {
	t.add(row, best)
	t.total = 0
	var plain strings.Builder
	for i, name := range trainingHeader {
		if value := t.rows[len(t.rows)-1][i]; value != "" {
			fmt.Fprintf(&plain, "%s %s  ", name, value)
		}
	}
	t.curves = t.curvesHTML()
	t.draw(strings.TrimSpace(plain.String()) + "\n")
}

func (t *Training) add(row run.Epoch, best bool) {
	mark := ""
	if best {
		mark = "best"
	}
	fixed := func(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	t.rows = append(t.rows, []string{
		strconv.Itoa(row.Epoch), fixed(row.Seconds, 1), fixed(row.TrainImagesPerSecond, 0),
		strconv.FormatFloat(row.LearningRate, 'g', 2, 64),
		fixed(row.TrainLoss, 3), fixed(row.TrainAccuracy, 3), fixed(row.ValLoss, 3), fixed(row.ValAccuracy, 3),
		fixed(row.ValBalancedAccuracy, 3), mark,
	})
	t.history = append(t.history, row)
}

// show shows a run that was trained before, from its history.
func (t *Training) show(epochs []run.Epoch) {
	best := run.BestEpoch(epochs)
	for _, row := range epochs {
		t.add(row, row.Epoch == best)
	}
	t.curves = t.curvesHTML()
	t.draw(tableText(trainingHeader, t.rows))
}

// curvesHTML draws the epochs so far, nothing before the second.
func (t *Training) curvesHTML() string {
	if len(t.rows) < 2 {
		return ""
	}
	curves := plots.NewLearningCurves(run.Columns(t.history)) // the table marks the best epochs
	page, err := plotHTML(curves, "learning curves")
	if err != nil { // the training goes on
		return ""
	}
	return page
}

func (t *Training) draw(plain string) {
	t.last = now()
	page := ""
	if t.total > 0 {
		page = bar(t.done, t.total, fmt.Sprintf("epoch %d of at most %d: loss %.3f, accuracy %.3f", t.epoch, t.epochs, t.loss, t.accuracy))
	}
	if len(t.rows) > 0 {
		page += tableHTML(trainingHeader, t.rows)
	}
	out.update(t.id, page+t.curves, plain)
}
