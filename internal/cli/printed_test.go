package cli

import (
	"encoding/json"
	"fmt"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// printed is a command line, or a part of one, that some text prints.
type printed struct {
	place string // file and line
	text  string
	whole bool // the reader is to type it as it stands, but for names in capital letters
}

// Every command that a document, a notebook, a help text, a message, a comment or a script
// of this repository prints is given to the real parser: a whole command must parse, and
// what is only mentioned must have commands, flags and values that exist.
func TestPrintedCommands(t *testing.T) {
	commands := printedCommands(t)
	seen := map[string]bool{}
	whole := 0
	for _, c := range commands {
		if seen[c.text] {
			continue
		}
		seen[c.text] = true
		if c.whole {
			whole++
		}
		if err := checkPrinted(c); err != nil {
			t.Errorf("%s: %q: %v", c.place, c.text, err)
		}
	}
	if len(seen) < 150 || whole < 80 { // far fewer would mean that they are not found
		t.Errorf("%d commands were found, %d of them whole", len(seen), whole)
	}
}

// The check finds what is wrong in a command.
func TestPrintedCommandsFindsMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"skinattn train --backbone mobilenet_v2 --run RUN --test-dat DIR": "unknown flag --test-dat",
		"skinattn trian --backbone mobilenet_v2":                          "unexpected argument trian",
		"go run ./cmd/skinattn split --protocol grouped":                  "--out",
		"bin/skinattn train --backbone alexnet --run RUN":                 "alexnet",
		"SKINATTN_ENGINE=go skinattn bench --size big":                    "big",
		"skinattn split --protocol grouped --out a.csv && skinattn dance": "dance",
		"skinattn data check extra":                                       "extra",
		"scripts/download.sh --wiht-test":                                 "--wiht-test",
	} {
		if err := checkPrinted(printed{"", text, true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"train --fnid-lr":            "--fnid-lr",
		"--protocol isic2018 --tset": "--tset",
		"--protocol groupd":          "groupd",
	} {
		if err := checkPrinted(printed{"", text, false}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"skinattn train --resume", "evaluate --seeds", "--protocol grouped", "skinattn weights fetch %s", "--layer-rates backbone=.1,..."} {
		if err := checkPrinted(printed{"", text, false}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// commandTree is the grammar, for looking flags up.
var commandTree = sync.OnceValue(func() *kong.Node { return newParser(newGrammar(), io.Discard, io.Discard).Model.Node })

// programCall matches the ways to call the command.
var programCall = regexp.MustCompile(`^(go run (-[a-z]+ )*\./cmd/skinattn|(\./|[^ ]*bin/)?skinattn|\.?/?scripts/download\.sh)$`)

// checkPrinted returns the parser's error for a printed command.
func checkPrinted(c printed) error {
	for _, words := range commandWords(c.text) {
		if err := checkWords(words, c.whole); err != nil {
			return err
		}
	}
	return nil
}

// commandWords splits a text into the calls of the command in it, each without the
// program's name. A text without a program is one call.
func commandWords(text string) [][]string {
	words := shellWords(text)
	var calls [][]string
	start := 0
	for i := 0; i <= len(words); i++ {
		if i < len(words) && !slices.Contains([]string{"|", "||", "&&", ";", ">", ">>", "2>", "&"}, words[i]) {
			continue
		}
		call := words[start:i]
		start = i + 1
		if i < len(words) && strings.HasSuffix(words[i], ">") {
			start++ // the file
		}
		for len(call) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(call[0]) || len(call) > 0 && slices.Contains([]string{"nice", "time", "exec", "nohup", "$", "RUN"}, call[0]) {
			call = call[1:]
		}
		for n := min(4, len(call)); n > 0; n-- {
			if name := strings.Join(call[:n], " "); programCall.MatchString(name) {
				call = call[n:]
				if strings.HasSuffix(name, "download.sh") {
					call = append([]string{"data", "fetch"}, call...)
				}
				calls = append(calls, call)
				call = nil
				break
			}
		}
		if len(call) == len(words) && len(calls) == 0 { // no program: a part of a call
			calls = append(calls, call)
		}
	}
	return calls
}

// shellWords splits a line at spaces outside quotes, up to a comment.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quote, any := rune(0), false
	for _, r := range line + " " {
		switch {
		case quote == 0 && (r == '"' || r == '\''):
			quote, any = r, true
		case r == quote:
			quote = 0
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if any || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		case quote == 0 && r == '#' && word.Len() == 0 && !any:
			return words
		default:
			word.WriteRune(r)
		}
	}
	return words
}

// placeholder matches what stands for a value of the reader's.
var placeholder = regexp.MustCompile(`^(\$?\{?[A-Z][A-Z0-9_./-]*\}?|%[a-z0-9\[\]]+|\$.*|[A-Z]|\.\.\.)$`)

// checkWords parses the words of a call.
func checkWords(words []string, whole bool) error {
	var args []string
	for _, w := range words {
		w = strings.Trim(w, "[]")
		if w == "..." || w == "COMMAND" {
			whole = false
			continue
		}
		args = append(args, strings.TrimSuffix(strings.TrimSuffix(w, ","), "..."))
	}
	root := commandTree()
	if len(args) > 0 && strings.HasPrefix(args[0], "-") { // flags alone
		var wrong error
		for _, node := range leaves(root) {
			if !owns(node, flagNames(args)) {
				continue
			}
			if wrong = parseAs(append(path(node), args...), false); wrong == nil {
				return nil
			}
		}
		if wrong != nil {
			return wrong
		}
		for _, name := range flagNames(args) {
			if !slices.ContainsFunc(leaves(root), func(n *kong.Node) bool { return owns(n, []string{name}) }) {
				return fmt.Errorf("no command has the flag %s", name)
			}
		}
		return nil // of several commands
	}
	return parseAs(args, whole)
}

func leaves(root *kong.Node) []*kong.Node { return root.Leaves(false) }

func path(node *kong.Node) []string { return strings.Fields(node.Path()) }

func flagNames(args []string) []string {
	var names []string
	for _, a := range args {
		if strings.HasPrefix(a, "--") {
			name, _, _ := strings.Cut(a, "=")
			names = append(names, name)
		}
	}
	return names
}

// owns reports whether a command has all these flags.
func owns(node *kong.Node, names []string) bool {
	for _, name := range names {
		if flagOf(node, name) == nil {
			return false
		}
	}
	return true
}

func flagOf(node *kong.Node, name string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if "--"+f.Name == name || name == "--help" && f.Name == "help" || f.Tag.Negatable != "" && "--no-"+f.Name == name {
				return f
			}
		}
	}
	return nil
}

// parseAs parses args. Values in capital letters stand for values of the flag's type. Unless
// the call is whole, arguments and required flags may be missing.
func parseAs(args []string, whole bool) error {
	if len(args) == 0 {
		return nil
	}
	filled := slices.Clone(args)
	node := commandTree()
	for i, a := range filled {
		for _, child := range node.Children {
			if child.Name == a {
				node = child
				break
			}
		}
		name, value, joined := strings.Cut(a, "=")
		f := flagOf(node, name)
		if f == nil || f.IsBool() {
			continue
		}
		if joined && placeholder.MatchString(value) {
			filled[i] = name + "=" + exampleOf(f)
		} else if !joined && i+1 < len(filled) && (placeholder.MatchString(filled[i+1]) || strings.Contains(filled[i+1], "%")) {
			filled[i+1] = exampleOf(f)
		} else if !joined && i+1 == len(filled) && !whole { // the flag alone is mentioned
			filled = append(filled, exampleOf(f))
		}
	}
	if slices.Contains(filled, "--help") {
		whole = false
		filled = slices.DeleteFunc(filled, func(a string) bool { return a == "--help" })
	}
	for i, a := range filled { // an argument that is a name of the reader's
		if strings.Contains(a, "%") {
			filled[i] = "mobilenet_v2"
		}
	}
	if !whole { // what is not mentioned is right
		given := flagNames(filled)
		for _, group := range node.AllFlags(false) {
			for _, f := range group {
				if f.Required && !slices.Contains(given, "--"+f.Name) {
					filled = append(filled, "--"+f.Name, exampleOf(f))
				}
			}
		}
	}
	_, err := newParser(newGrammar(), io.Discard, io.Discard).Parse(filled)
	if err != nil && !whole && strings.HasPrefix(err.Error(), "expected ") && !strings.Contains(err.Error(), "but got") {
		return nil // an argument, or a command of a command, is not mentioned
	}
	return err
}

// exampleOf is a value that a flag takes.
func exampleOf(f *kong.Flag) string {
	if f.Enum != "" {
		first, _, _ := strings.Cut(f.Enum, ",")
		return strings.TrimSpace(first)
	}
	t := f.Target.Type()
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Duration]() {
		return "1m"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "1"
	case reflect.Float32, reflect.Float64:
		return "0.5"
	}
	return "x"
}

// printedCommands collects the commands of all texts of the repository.
func printedCommands(t *testing.T) []printed {
	var found []printed
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "bin" || name == "node_modules" || name == "data" && file != filepath.Join(root, "data") || strings.HasPrefix(name, ".") && file != root && name != ".devcontainer" {
				return fs.SkipDir
			}
			return nil
		}
		rel, _ := filepath.Rel(root, file)
		read := func() string {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		switch ext := filepath.Ext(name); {
		case ext == ".md":
			found = append(found, inMarkdown(rel, read())...)
		case ext == ".ipynb":
			found = append(found, inNotebook(t, rel, read())...)
		case ext == ".go" && !strings.HasSuffix(name, "_test.go"):
			found = append(found, inGo(rel, read())...)
		case ext == ".sh", name == "Dockerfile":
			found = append(found, inScript(rel, read())...)
		case ext == ".txt" && strings.Contains(rel, "help"):
			found = append(found, inHelp(rel, read())...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	quoted   = regexp.MustCompile("['`]((?:skinattn|scripts/download\\.sh|train|predict|evaluate|data|weights|explain|figures|reproduce|bench|split|demo|doctor|runs) ?[^'`\n]*)['`]")
)

// isCall reports whether a line of code calls the command.
func isCall(line string) bool {
	return slices.ContainsFunc(commandWordsWithProgram(line), func(bool) bool { return true })
}

// before matches a word after which a command may begin.
var before = regexp.MustCompile(`^([|&;]+|\$|.*;|[A-Z_]+=.*|nice|time|exec|nohup|then|else|do|if|!|RUN)$`)

// commandWordsWithProgram has an entry for each call of the command by its name.
func commandWordsWithProgram(line string) []bool {
	var calls []bool
	words := shellWords(line)
	for i := range words {
		if i > 0 && !before.MatchString(words[i-1]) {
			continue
		}
		for n := 1; n <= 4 && i+n <= len(words); n++ {
			if programCall.MatchString(strings.Join(words[i:i+n], " ")) {
				calls = append(calls, true)
				break
			}
		}
	}
	return calls
}

// joinLines joins lines that end with a backslash.
func joinLines(text string) []string {
	return strings.Split(strings.ReplaceAll(text, "\\\n", "  "), "\n")
}

// inMarkdown finds calls in blocks of code, and mentions in spans of code.
func inMarkdown(file, text string) []printed {
	var found []printed
	code := false
	for i, line := range joinLines(text) {
		place := fmt.Sprintf("%s:%d", file, i+1)
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			code = !code
		case code:
			if isCall(trimmed) {
				found = append(found, printed{place, trimmed, true})
			}
		default:
			for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
				if isMention(span[1]) {
					found = append(found, printed{place, span[1], false})
				}
			}
		}
	}
	return found
}

// isMention reports whether a span of code is a part of a call: the program's name, a
// command with a flag, or flags.
func isMention(span string) bool {
	words := shellWords(span)
	if len(words) == 0 {
		return false
	}
	if isCall(span) || strings.HasPrefix(words[0], "--") {
		return !foreign(words)
	}
	isCommand := slices.ContainsFunc(commandTree().Children, func(n *kong.Node) bool { return n.Name == words[0] })
	return isCommand && len(words) > 1 && slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "--") })
}

// foreign reports whether words are flags of other programs, which documents also name.
func foreign(words []string) bool {
	return slices.ContainsFunc(flagNames(words), func(name string) bool { return slices.Contains(foreignFlags, name) })
}

// foreignFlags are flags of tools of this repository that are no part of the command, and
// of other programs, as documents mention them alone.
var foreignFlags = []string{
	"--same-allocator",                                                         // of bench/run.sh
	"--xla_dump_to", "--xla_dump_hlo_as_text", "--xla_cpu_prefer_vector_width", // of $XLA_FLAGS
	"--network",                       // of bench/run.sh
	"--list",                          // of scripts/studies.sh
	"--gpus",                          // of docker
	"--parsable",                      // of sbatch
	"--noheader", "--array", "--user", // of squeue
}

// inHelp finds the indented examples of a help text, and mentions in its lines.
func inHelp(file, text string) []printed {
	var found []printed
	for i, line := range joinLines(text) {
		place := fmt.Sprintf("%s:%d", file, i+1)
		if strings.HasPrefix(line, "  ") && isCall(line) {
			found = append(found, printed{place, strings.TrimSpace(line), true})
			continue
		}
		found = append(found, inProse(place, line)...)
	}
	return found
}

// inProse finds mentions in quotes.
func inProse(place, text string) []printed {
	var found []printed
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		if isCall(m[1]) || isMention(m[1]) {
			found = append(found, printed{place, m[1], false})
		}
	}
	return found
}

// bareFlag finds flags in messages of the command line.
var bareFlag = regexp.MustCompile(`(?:^|[ (])(--[a-z][a-z0-9-]+)`)

// inGo finds mentions in the strings and comments of a source, and in the strings of the
// command line every flag.
func inGo(file, text string) []printed {
	var found []printed
	var s scanner.Scanner
	set := token.NewFileSet()
	f := set.AddFile(file, set.Base(), len(text))
	s.Init(f, []byte(text), nil, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return found
		}
		place := fmt.Sprintf("%s:%d", file, set.Position(pos).Line)
		switch tok {
		case token.COMMENT:
			found = append(found, inProse(place, strings.ReplaceAll(lit, "\n// ", " "))...)
		case token.STRING:
			value, err := strconv.Unquote(lit)
			if err != nil {
				continue
			}
			for _, line := range strings.Split(value, "\n") {
				found = append(found, inProse(place, line)...)
				if !strings.HasPrefix(filepath.ToSlash(file), "internal/cli/") || lit[0] == '`' {
					continue
				}
				for _, m := range bareFlag.FindAllStringSubmatch(line, -1) {
					if !foreign(m[1:2]) {
						found = append(found, printed{place, m[1], false})
					}
				}
			}
		}
	}
}

// inScript finds calls of the command in a script.
func inScript(file, text string) []printed {
	var found []printed
	for i, line := range joinLines(text) {
		place := fmt.Sprintf("%s:%d", file, i+1)
		if comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#"); ok {
			found = append(found, inProse(place, comment)...)
		} else if isCall(line) {
			found = append(found, printed{place, strings.TrimSpace(line), false})
		}
	}
	return found
}

// inNotebook finds commands in the cells of Markdown.
func inNotebook(t *testing.T, file, text string) []printed {
	var notebook struct {
		Cells []struct {
			Type   string   `json:"cell_type"`
			Source []string `json:"source"`
		} `json:"cells"`
	}
	if err := json.Unmarshal([]byte(text), &notebook); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var found []printed
	for i, cell := range notebook.Cells {
		if cell.Type == "markdown" {
			found = append(found, inMarkdown(fmt.Sprintf("%s, cell %d", file, i+1), strings.Join(cell.Source, ""))...)
		}
	}
	return found
}
