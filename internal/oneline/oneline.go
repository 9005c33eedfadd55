// Package oneline makes errors fit for people: GoMLX and XLA add stack traces to
// theirs, below the first line, and files from elsewhere have names and values of any
// length.
package oneline

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is an error with the first line of err's text.
func Error(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}

// Limit is the greatest number of bytes that a message repeats of a name or value from
// a file.
const Limit = 200

// maxMessage is the greatest length of a whole message in bytes. Lists of known names are
// the longest that there are.
const maxMessage = 4000

// Short makes a message fit for a line: white space becomes single spaces, characters that
// would control a terminal become U+FFFD, and of every word or quoted text longer than
// [Limit] bytes the middle is left out. Words that begin with one of the known texts, such
// as the user's own paths, may be longer by it.
func Short(message string, known ...string) string {
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.Join(strings.Fields(strings.ToValidUTF8(message, "\uFFFD")), " "))
	var out strings.Builder
	for message != "" {
		piece := message[:pieceLength(message)]
		message = message[len(piece):]
		keep := 0
		for _, text := range known {
			if strings.HasPrefix(strings.TrimPrefix(piece, `"`), text) {
				keep = max(keep, len(text))
			}
		}
		out.WriteString(piece[:keep] + Clip(piece[keep:], Limit))
	}
	return Clip(out.String(), maxMessage)
}

// pieceLength returns the length of the first word of a text with the space behind it or,
// if the text begins with one, of its quoted text.
func pieceLength(text string) int {
	if text[0] == '"' {
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		text = text[1:] // no quoted text: nothing closes it
		return 1 + wordLength(text)
	}
	return wordLength(text)
}

// wordLength returns the length of the text up to a quote or, included, a space.
func wordLength(text string) int {
	switch end := strings.IndexAny(text, " \""); {
	case end < 0:
		return len(text)
	case text[end] == ' ':
		return end + 1
	default:
		return end
	}
}

// Clip returns a text of at most limit bytes, of which the middle is left out if there is more,
// with the number of bytes that are missing.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const room = 32 // for the words between
	head, tail := (limit-room)*3/4, (limit-room)/4
	left := fmt.Sprintf("...(%d bytes)...", len(text)-head-tail)
	return strings.ToValidUTF8(text[:head], "") + left + strings.ToValidUTF8(text[len(text)-tail:], "")
}

// Name returns the name of a file as it stands in a line: characters that would break the line
// or control a terminal, and bytes that are not UTF-8, are written as Go writes them.
func Name(name string) string {
	printable := func(r rune) bool { return r != utf8.RuneError && (unicode.IsPrint(r) || r == ' ') }
	if strings.IndexFunc(name, func(r rune) bool { return !printable(r) }) < 0 {
		return name
	}
	var out strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if part := name[i : i+n]; printable(r) {
			out.WriteString(part)
		} else {
			quoted := strconv.Quote(part)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		i += n
	}
	return out.String()
}

// List joins names that may come from a file: at most [Limit] bytes.
func List(names []string) string { return Clip(strings.Join(names, ", "), Limit) }
