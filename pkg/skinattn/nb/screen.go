package nb

import (
	"fmt"
	"io"
	"os"

	"github.com/janpfeifer/gonb/gonbui"
)

// screen is where things are shown: the notebook's page or a terminal.
type screen interface {
	// html shows page in a notebook and plain, whole lines, anywhere else.
	html(page, plain string)
	// update is html for something that changes: each call with the same id
	// replaces what the one before showed. An empty plain adds nothing.
	update(id, page, plain string)
}

// out is replaced in tests.
var out screen = newScreen()

func newScreen() screen {
	if gonbui.IsNotebook {
		return page{}
	}
	return terminal{os.Stdout}
}

// page is the output of a notebook's cell. What is shown takes another road to
// it than standard output, and what is on its way when the program ends is lost:
// hence the waiting, which also keeps the two in order.
type page struct{}

func (page) html(page, _ string) {
	gonbui.DisplayHTML(page)
	gonbui.Sync()
}

func (page) update(id, page, _ string) {
	gonbui.UpdateHTML(id, page)
	gonbui.Sync()
}

// terminal shows plain lines.
type terminal struct{ w io.Writer }

func (t terminal) html(_, plain string)      { fmt.Fprint(t.w, plain) }
func (t terminal) update(_, _, plain string) { fmt.Fprint(t.w, plain) }
