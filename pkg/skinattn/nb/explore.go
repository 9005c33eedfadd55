package nb

import (
	"cmp"
	"fmt"
	"html"
	"os"
	"strings"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/comms"
	"github.com/janpfeifer/gonb/gonbui/dom"
	"github.com/janpfeifer/gonb/gonbui/widgets"

	"github.com/skinattn/skinattn/pkg/plots"
)

// EnvLive is the environment variable that makes [Explore] show its still form alone, if it
// is "off": nobody moves controls when notebooks are run without a browser.
const EnvLive = "SKINATTN_LIVE"

// Panel is a part of the page that is drawn again and again.
type Panel struct{ page, plain string }

// Drawn is a figure as a panel.
func Drawn(f plots.Figure) Panel {
	page, err := plotHTML(f, "figure")
	Check(err)
	return Panel{page, fmt.Sprintf("figure: %d rows of numbers\n", max(0, len(f.Data())-1))}
}

// Pictures are pictures in columns, as a panel.
func Pictures(columns int, pictures ...Picture) Panel {
	page, plain, err := galleryHTML(columns, pictures)
	Check(err)
	return Panel{page, plain}
}

// Control is a control of [Explore]: a slider or a list.
type Control struct {
	label    string
	from, to int
	at       int
	words    []string // of a list
	text     func(at int) string
}

// Slide is a slider of whole numbers; text says in the page what a position means, nil: the
// number itself.
func Slide(label string, from, to, at int, text func(at int) string) Control {
	if text == nil {
		text = func(at int) string { return fmt.Sprint(at) }
	}
	return Control{label: label, from: from, to: to, at: at, text: text}
}

// Choose is a list of words, of which one is chosen, by its number from 0.
func Choose(label string, at int, words ...string) Control {
	return Control{label: label, to: len(words) - 1, at: at, words: words, text: func(at int) string { return words[at] }}
}

// Percent is the text of a slider's position that is a number of hundredths.
func Percent(at int) string { return fmt.Sprintf("%d %%", at) }

// Opacity is a share, 0 to 1, as [plots.HeatStyle] has it, where 0 means something else.
func Opacity(share float64) float64 {
	if share == 0 {
		return -1
	}
	return share
}

// How long Explore waits: for the page's answer that the controls are there, for the first
// move, and for the next one.
const (
	untilReady = 10 * time.Second
	untilFirst = 30 * time.Second
	untilNext  = 10 * time.Minute
)

// move is a control, by its number, with its new position.
type move struct{ control, at int }

// desk puts controls into the page. Tests replace it.
var desk = func(controls []Control) (moves <-chan move, done <-chan struct{}, remove func(), ok bool) {
	if !gonbui.IsNotebook || os.Getenv(EnvLive) == "off" {
		return nil, nil, nil, false
	}
	return placed(controls)
}

// patience is the clock of Explore. Tests replace it.
var patience = time.After

// Explore shows what draw makes of the positions of controls, one of each, and draws it anew
// when a control is moved. The cell runs until its button is pressed, or nobody has moved a
// control for a while: what was drawn last stays in the page. Without a browser that could move
// controls, it draws once, with the positions that the controls have at first.
func Explore(draw func(at []int) Panel, controls ...Control) {
	moves, done, remove, live := desk(controls)
	at := make([]int, len(controls))
	for i, c := range controls {
		at[i] = c.at
	}
	id := gonbui.UniqueId()
	show := func() {
		var positions []string
		for i, c := range controls {
			positions = append(positions, c.label+": "+c.text(at[i]))
		}
		line, panel := strings.Join(positions, ", "), draw(at)
		out.update(id, "<p>"+html.EscapeString(line)+"</p>"+panel.page, line+"\n"+panel.plain)
	}
	show()
	if !live {
		return
	}
	defer remove()
	wait := untilFirst
	for {
		select {
		case m := <-moves:
			if at[m.control] != m.at {
				at[m.control] = m.at
				show()
			}
			wait = untilNext
		case <-done:
			return
		case <-patience(wait):
			return
		}
	}
}

// keepKeys has JupyterLab leave the keys of a part of the page alone. It takes the arrow keys of
// a slider and of a list for its own otherwise, and goes to another cell (JupyterLab 4.6). The
// attribute counts on the element that has the focus, not around it.
const keepKeys = `for (const control of document.getElementById('%s').querySelectorAll('input, select, button')) control.setAttribute('data-lm-suppress-shortcuts', 'true')`

// placed puts controls into the page with GoNB's widgets. GoNB waits without end for a browser's
// answer, which may never come.
func placed(controls []Control) (<-chan move, <-chan struct{}, func(), bool) {
	moves, done, ready := make(chan move), make(chan struct{}), make(chan struct{})
	root := dom.CreateTransientDiv()
	go func() {
		for i, c := range controls {
			id := "skinattn_" + gonbui.UniqueId()
			dom.Append(root, fmt.Sprintf(`<label for="%s" style="margin: 0 .5em 0 1em">%s</label>`, id, html.EscapeString(c.label)))
			var listen *comms.AddressChan[int]
			if c.words != nil {
				listen = widgets.Select(escaped(c.words)).SetDefault(c.at).WithHtmlId(id).AppendTo(root).Done().Listen()
			} else {
				listen = widgets.Slider(c.from, c.to, c.at).WithHtmlId(id).AppendTo(root).Done().Listen()
			}
			// Of positions that come faster than they are drawn, the last counts. The
			// channel is never closed: GoNB's dispatcher would stand still at the next message.
			listen = listen.LatestOnly()
			go func() {
				for at := range listen.C {
					moves <- move{i, min(max(at, c.from), c.to)}
				}
			}()
		}
		pressed := widgets.Button("Done").AppendTo(root).Done().Listen()
		dom.TransientJavascript(fmt.Sprintf(keepKeys, root))
		close(ready)
		<-pressed.C
		close(done)
	}()
	select {
	case <-ready:
		return moves, done, func() { dom.Remove(root) }, true
	case <-time.After(untilReady):
		return nil, nil, nil, false
	}
}

func escaped(words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = html.EscapeString(cmp.Or(word, "-"))
	}
	return out
}
