package nb

import (
	"fmt"
	"io"
	"os"

	"github.com/janpfeifer/gonb/gonbui"
)

// screen shows output: in the notebook's page or on a terminal.
type screen interface {
	// html shows page, which is HTML, in a notebook, and plain, which is whole lines,
	// anywhere else.
	html(page, plain string)
	// update is html for changing output: each call replaces the output of the call
	// before with the same id. An empty plain adds nothing.
	update(id, page, plain string)
}

// out is the screen in use. Tests replace it.
var out screen = newScreen()

func newScreen() screen {
	if gonbui.IsNotebook {
		return page{}
	}
	return terminal{os.Stdout}
}

// page is the output of a notebook's cell. HTML reaches it through another pipe than
// standard output, and is lost if the program ends before it arrives. Waiting for
// it prevents the loss and keeps both outputs in order.
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
