package render

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestText(t *testing.T) {
	for got, want := range map[string]string{
		Plain("a|b *c* <d> & `e`"):                      "a|b \\*c\\* &lt;d&gt; &amp; \\`e\\`",
		escapeLaTeX("50 % of a_b & [x] {y} --z"):        `50~\% of a\_b \& {[}x{]} \{y\} -{}-z`,
		string(Deeper([]byte("# a\ntext\n## b\n"))):     "## a\ntext\n### b\n",
		WithoutCode("run `this`"):                       "run this",
		Code("a`b"):                                     "`a'b`",
		string(CSV([][]string{{"a", "b,c"}, {"", ""}})): "a,\"b,c\"\n,\n",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A page has one blank line between blocks, whatever its template has; an empty
// table or list leaves nothing.
func TestPages(t *testing.T) {
	pages := ParsePages(fstest.MapFS{"p.md": {Data: []byte("\n# {{.Title}}\n\n\n{{table .None}}\n\n{{table .Some}}\n\n{{list .Items}}\n\n{{shout .Title}}\n\n\n")}},
		"*.md", map[string]any{"shout": strings.ToUpper})
	some := Grid{Head: []string{"a", "b"}}
	some.Add("1|2", "x\ny")
	data := map[string]any{"Title": "t", "None": Grid{Head: []string{"a"}}, "Some": some, "Items": []string{"i", "j"}}
	got, err := pages.Execute("p.md", data)
	if want := "# t\n\n| a | b |\n| --- | --- |\n| 1\\|2 | x<br>y |\n\n- i\n- j\n\nT\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	delete(data, "Some")
	if _, err := pages.Execute("p.md", data); err == nil || !strings.Contains(err.Error(), "p.md") {
		t.Errorf("a page without one of its tables: %v", err)
	}
}
