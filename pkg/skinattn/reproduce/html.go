package reproduce

import (
	"bytes"
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

var htmlPage = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 90em; margin: 2em auto; padding: 0 1.5em; color: #202020; background: #fff }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.6em 0 .6em } h2 { border-bottom: 1px solid #ccc; padding-bottom: .2em }
p, ul, blockquote { max-width: 60em } blockquote { margin: .5em 0 .5em 1em; padding-left: 1em; border-left: 3px solid #bbb; color: #505050 }
.wide { overflow-x: auto; margin: 1em 0 }
table { border-collapse: collapse; font-size: 13px; line-height: 1.35 }
th, td { padding: .3em .6em; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e4e4; font-variant-numeric: tabular-nums }
th { border-bottom: 1.5px solid #666; border-top: 1.5px solid #666; background: #fff } tbody tr:hover { background: #f6f6f2 }
code { background: #f2f2ee; padding: 0 .25em; font-size: .92em; overflow-wrap: anywhere }
a { color: #1f5f99 } img { width: 100%; max-width: 60em }
</style></head><body>
{{.Body}}
</body></html>
`))

// toHTML turns a page into a self-contained HTML document.
func toHTML(title string, source []byte) ([]byte, error) {
	var body, out bytes.Buffer
	if err := markdown.Convert(source, &body); err != nil {
		return nil, fmt.Errorf("making HTML of %s: %w", title, err)
	}
	// Wide tables scroll by themselves, not the page.
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
