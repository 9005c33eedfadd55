package render

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
)

// markdown reads GitHub's tables. Raw HTML is let through, as <br> in cells is
// ours; all text from outside is escaped where the pages are made.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.Table),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(html.WithUnsafe()),
)

//go:embed page.html
var pageHTML string

var htmlPage = template.Must(template.New("page").Parse(pageHTML))

// HTML turns a Markdown page into a self-contained document. Wide tables scroll by
// themselves, not the page.
func HTML(title string, page []byte) ([]byte, error) {
	var body, out bytes.Buffer
	if err := markdown.Convert(page, &body); err != nil {
		return nil, fmt.Errorf("making HTML of %s: %w", title, err)
	}
	text := bytes.ReplaceAll(body.Bytes(), []byte("<table>"), []byte(`<div class="wide"><table>`))
	text = bytes.ReplaceAll(text, []byte("</table>"), []byte("</table></div>"))
	err := htmlPage.Execute(&out, struct {
		Title string
		Body  template.HTML
	}{title, template.HTML(text)})
	if err != nil {
		return nil, fmt.Errorf("making HTML of %s: %w", title, err)
	}
	return out.Bytes(), nil
}
