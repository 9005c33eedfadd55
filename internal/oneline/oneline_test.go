package oneline

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestError(t *testing.T) {
	for text, want := range map[string]string{
		"broken":              "broken",
		"broken\n\tat a.go:1": "broken",
		"":                    "",
	} {
		if got := Error(errors.New(text)).Error(); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	long := strings.Repeat("x", 5000)
	path := "/home/" + strings.Repeat("deep/", 100) + "run"
	for name, c := range map[string]struct{ text, has, lacks string }{
		"short":            {"reading a.csv:2: column dx: \"wart\" is no class", "reading a.csv:2: column dx: \"wart\" is no class", ""},
		"lines":            {"a\n  b", "a b", "\n"},
		"quoted":           {`unknown class "` + strings.Repeat("two words ", 400) + `"; known are a, b`, `; known are a, b`, strings.Repeat("two words ", 25)},
		"quote in a quote": {`"a \" ` + long + `"; go on`, "; go on", long[:210]},
		"unclosed quote":   {`"a ` + long + " end", " end", long[:210]},
		"word":             {"layer " + long + " is missing", " is missing", long[:210]},
		"terminal":         {"name \x1b[2J\x00 is bad", "name \uFFFD[2J\uFFFD is bad", "\x1b"},
		"bad UTF-8":        {"name \xff\xfe is bad", " is bad", "\xff"},
		"many words":       {strings.Repeat("short words ", 10000), "bytes)", strings.Repeat("short words ", 350)},
		"the user's path":  {path + "/predictions.csv:2: x", path + "/predictions.csv:2: x", ""},
		"quoted path":      {`"` + path + `" is no file`, path, ""},
		"behind the path":  {path + long, path, long[:210]},
	} {
		got := Short(c.text, path, "")
		if !strings.Contains(got, c.has) || c.lacks != "" && strings.Contains(got, c.lacks) || len(got) > maxMessage || !utf8.ValidString(got) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestClip(t *testing.T) {
	text := strings.Repeat("ä", 300)
	for _, limit := range []int{40, 41, 42, 43, 200, 599} {
		if got := Clip(text, limit); len(got) > limit || !utf8.ValidString(got) || !strings.Contains(got, "bytes)") {
			t.Errorf("%d: %q of %d bytes", limit, got, len(got))
		}
	}
	if got := Clip(text, 600); got != text {
		t.Error("a text that fits was changed")
	}
	if got := List([]string{"a", "b"}); got != "a, b" {
		t.Error(got)
	}
}

func FuzzShort(f *testing.F) {
	f.Add("a \"b\\\" c\" d")
	f.Fuzz(func(t *testing.T, text string) {
		got := Short(text)
		if len(got) > maxMessage || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b") {
			t.Errorf("%q", got)
		}
	})
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"photo 1.jpg": "photo 1.jpg", "näme.jpg": "näme.jpg", "": "", "a\nb.jpg": `a\nb.jpg`, "\x1b[31mred": `\x1b[31mred`, "\xff\xfe.jpg": `\xff\xfe.jpg`, `a"b\c`: `a"b\c`,
		"right\u202eleft": `right\u202eleft`,
	} {
		if got := Name(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
