package cli

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// suggest returns what was probably meant in a command line that an error is about: the
// word of the error's own list of choices that is nearest to a value which is not in the
// list. It is empty if none is near, or if the error has a suggestion already.
//
// The list is taken from the text, so that every error that lists its choices, from
// whichever package, is answered without knowing of this.
func suggest(text string, args []string) string {
	if strings.Contains(text, "did you mean") {
		return ""
	}
	choices := choice.FindAllString(text, -1)
	phrases := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(`,;:"`, r) }) // such as lower extremity
	for i := range phrases {
		phrases[i] = strings.TrimSpace(phrases[i])
	}
	for _, arg := range args {
		if _, value, found := strings.Cut(arg, "="); found {
			arg = value
		}
		for value := range strings.SplitSeq(arg, ",") {
			value = strings.ToLower(strings.TrimSpace(value))
			// A number or a single letter is no mistyped word: all others are near to it.
			if utf8.RuneCountInString(value) < 2 || !strings.ContainsFunc(value, unicode.IsLetter) {
				continue
			}
			if _, err := os.Stat(value); err == nil && strings.Contains(value, ".") {
				continue // a file, which an error names
			}
			// The value itself is once in the text; a choice would be there a second time.
			if strings.HasPrefix(value, "-") || times(value, choices) != 1 {
				continue
			}
			if best := nearest(value, append(choices, phrases...)); best != "" {
				return best
			}
		}
	}
	return ""
}

// choice matches a word of a vocabulary, such as md/as-run, grad-cam++ or mobilenet_v2.
var choice = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}_/.+-]*`)

func times(word string, words []string) (n int) {
	for _, w := range words {
		if strings.ToLower(w) == word {
			n++
		}
	}
	return n
}

// nearest returns the word that takes the fewest changes to become value, the first on a
// tie, if these are few for its length.
func nearest(value string, words []string) string {
	best, least := "", 1+max(1, utf8.RuneCountInString(value)/3)
	for _, w := range words {
		if d := changes(plain(value), plain(w)); strings.ToLower(w) != value && d < least {
			best, least = w, d
		}
	}
	return best
}

// plain leaves out what people leave out.
func plain(word string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(word))
}

// changes is the least number of letters to insert, remove, replace or swap with their
// neighbour between two words (optimal string alignment).
func changes(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := range x {
		for j := range y {
			replaced := rows[i][j]
			if x[i] != y[j] {
				replaced++
			}
			rows[i+1][j+1] = min(rows[i][j+1]+1, rows[i+1][j]+1, replaced)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				rows[i+1][j+1] = min(rows[i+1][j+1], rows[i-1][j-1]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// commandOf names the command that was meant, such as "skinattn weights fetch", as far as
// the command line could be read.
func commandOf(parsed *kong.Context, err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok {
		parsed = wrong.Context
	}
	if parsed == nil {
		return programName
	}
	names := []string{programName}
	for _, step := range parsed.Path {
		if step.Command != nil {
			names = append(names, step.Command.Name)
		}
	}
	return strings.Join(names, " ")
}
