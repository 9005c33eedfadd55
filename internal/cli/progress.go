package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// terminal reports whether w is a terminal, which progress bars need.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// bar makes a progress bar, nil where there is no terminal to draw it on.
func (s *session) bar(total int64, title string, units ...progressbar.Option) *progressbar.ProgressBar {
	if s.Quiet || !terminal(s.stderr) {
		return nil
	}
	return progressbar.NewOptions64(total, append(units,
		progressbar.OptionSetWriter(s.stderr), progressbar.OptionSetDescription(title), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(24))...)
}

// imageBar is a bar that counts images.
func (s *session) imageBar(total int, title string) *progressbar.ProgressBar {
	return s.bar(int64(total), title, progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("images"), progressbar.OptionSetPredictTime(true))
}

// byteProgress follows a download with a bar. Its results are nil where there is no
// terminal, and a function that removes the bar.
func (s *session) byteProgress(title string) (progress func(done, total int64), end func()) {
	if s.Quiet || !terminal(s.stderr) {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	progress = func(done, total int64) {
		if bar == nil {
			bar = s.bar(total, title, progressbar.OptionShowBytes(true))
		}
		bar.Set64(done)
	}
	return progress, func() {
		if bar != nil {
			bar.Clear()
		}
	}
}

// progress follows a piece of work with a bar, or, without a terminal, with
// a line at its beginning.
func (s *session) progress(title string) func(done, total int) {
	var bar *progressbar.ProgressBar
	started := false
	return func(done, total int) {
		if !started {
			started = true
			if bar = s.imageBar(total, title); bar == nil {
				s.log(fmt.Sprintf("%s (%d)", title, total))
			}
		}
		if bar != nil {
			bar.Set(done)
		}
	}
}

// trainingBar is a training.Watcher that shows a run: a bar for the running epoch or, without a terminal, a line a
// minute, both with the time that the run can still take, and a line for each finished epoch.
type trainingBar struct {
	s        *session
	bar      *progressbar.ProgressBar
	header   bool
	epoch    string
	compiled bool
	rest     restOfRun
	start    time.Time // of the epoch
	said     time.Time // time of the last line
	now      func() time.Time
}

// lineEvery is the time between lines about a running epoch where there is no terminal.
const lineEvery = time.Minute

// restOfRun has the facts for an estimate of the time that a run still needs.
type restOfRun struct {
	epochs int           // at most, after the running one
	total  int           // images of an epoch
	last   time.Duration // of the epoch before, with validation; 0 if none has ended
}

// after estimates the time that the run still needs when done images of the running
// epoch have taken elapsed.
func (r restOfRun) after(done int, elapsed time.Duration) time.Duration {
	if done <= 0 {
		return 0
	}
	whole := elapsed * time.Duration(r.total) / time.Duration(done)
	later := whole
	if r.last > 0 {
		later = r.last
	}
	return whole - elapsed + later*time.Duration(r.epochs)
}

func newTrainingBar(s *session) *trainingBar { return &trainingBar{s: s, now: time.Now} }

func (b *trainingBar) Log(line string) { b.s.log(line) }

func (b *trainingBar) StartEpoch(epoch, epochs, total int) {
	b.epoch = fmt.Sprintf("epoch %d of at most %d", epoch, epochs)
	b.bar = b.s.imageBar(total, b.epoch)
	b.start, b.rest.epochs, b.rest.total = b.now(), epochs-epoch, total
	b.said = b.start
	switch {
	case b.compiled:
	case b.bar != nil:
		b.bar.Describe(b.epoch + "  compiling (once)")
	default:
		b.s.log("compiling (once)")
	}
}

func (b *trainingBar) Step(done int, loss, accuracy float64) {
	now := b.now()
	if !b.compiled {
		b.compiled = true
		if b.bar != nil {
			b.bar.Clear()
		}
		b.s.log(fmt.Sprintf("compiled, and the first batch trained, in %s", now.Sub(b.start).Round(100*time.Millisecond)))
	}
	rest := b.rest.after(done, now.Sub(b.start)).Round(time.Second)
	switch {
	case b.bar != nil:
		b.bar.Describe(fmt.Sprintf("%s  loss %.4f  accuracy %.3f  run ends in at most %s", b.epoch, loss, accuracy, rest))
		b.bar.Set(done)
	case now.Sub(b.said) >= lineEvery:
		b.said = now
		b.s.log(fmt.Sprintf("%s: %d of %d images, loss %.4f, accuracy %.3f; the run ends in at most %s", b.epoch, done, b.rest.total, loss, accuracy, rest))
	}
}

func (b *trainingBar) EndEpoch(row run.Epoch, best bool) {
	if b.bar != nil {
		b.bar.Clear()
	}
	b.rest.last = time.Duration(row.Seconds * float64(time.Second))
	if !b.header {
		b.header = true
		b.s.log("epoch  seconds  images/s     rate  train loss    acc  val loss    acc   bacc")
	}
	mark := ""
	if best {
		mark = "  best"
	}
	b.s.log(fmt.Sprintf("%5d %8.1f %9.1f %8.2g %11.4f %6.3f %9.4f %6.3f %6.3f%s", row.Epoch, row.Seconds, row.TrainImagesPerSecond,
		row.LearningRate, row.TrainLoss, row.TrainAccuracy, row.ValLoss, row.ValAccuracy, row.ValBalancedAccuracy, mark))
}
