package csvtable

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// headBytes is how much of a table is looked at to tell its encoding, line ends and
// separator: more than any header.
const headBytes = 64 << 10

// FormatError says that a file is not a table of text, but something else.
type FormatError struct {
	// What the file is, such as "an Excel workbook".
	What string
	// Mend says what to do about it.
	Mend string
	// Parquet is set for an Apache Parquet file.
	Parquet bool
}

func (e *FormatError) Error() string {
	if e.Mend == "" {
		return "this is " + e.What + ", not a table of text"
	}
	return "this is " + e.What + ", not a table of text; " + e.Mend
}

// signatures tell files that people take for tables by their first bytes. After a "<",
// capital letters are as good.
var signatures = []struct {
	bytes string
	FormatError
}{
	{"PAR1", FormatError{What: "a Parquet file", Parquet: true}},
	{"PK\x03\x04", FormatError{What: "a zip archive or an Excel workbook", Mend: "unpack it, or save the sheet as CSV"}},
	{"\xd0\xcf\x11\xe0", FormatError{What: "an Excel workbook", Mend: "save the sheet as CSV"}},
	{"\x1f\x8b", FormatError{What: "compressed by gzip", Mend: "unpack it with gunzip"}},
	{"\x28\xb5\x2f\xfd", FormatError{What: "compressed by zstd", Mend: "unpack it with unzstd"}},
	{"BZh", FormatError{What: "compressed by bzip2", Mend: "unpack it with bunzip2"}},
	{"\xfd7zXZ", FormatError{What: "compressed by xz", Mend: "unpack it with unxz"}},
	{"SQLite format 3", FormatError{What: "an SQLite data base", Mend: "export the table as CSV"}},
	{"version https://git-lfs", FormatError{What: "a pointer of Git LFS in place of the file", Mend: "'git lfs pull' fetches the file"}},
	{"<!doctype", FormatError{What: "a web page", Mend: "fetch the file again"}},
	{"<html", FormatError{What: "a web page", Mend: "fetch the file again"}},
	{"<?xml", FormatError{What: "XML", Mend: "save the table as CSV"}},
	{"{", FormatError{What: "JSON", Mend: "save the table as CSV"}},
	{"[", FormatError{What: "JSON", Mend: "save the table as CSV"}},
	{"\xff\xfe\x00\x00", FormatError{What: "text in UTF-32", Mend: "save it in UTF-8"}},
	{"\x00\x00\xfe\xff", FormatError{What: "text in UTF-32", Mend: "save it in UTF-8"}},
}

// recognise returns the error for the beginning of a file that is no text.
func recognise(head []byte) *FormatError {
	start := bytes.TrimLeft(head[:min(len(head), 512)], " \t\r\n")
	if isObjects(head) {
		return nil
	}
	for _, s := range signatures {
		n := min(len(s.bytes), len(start))
		if same := string(start[:n]) == s.bytes; same || s.bytes[0] == '<' && strings.EqualFold(string(start[:n]), s.bytes) {
			found := s.FormatError
			return &found
		}
	}
	if bytes.IndexByte(head[:min(len(head), 512)], 0) >= 0 && utf16Order(head) == "" {
		return &FormatError{What: "a binary file"}
	}
	return nil
}

// utf16Order tells the byte order of a text in UTF-16, "LE" or "BE", by its byte order
// mark or by the zero bytes of its first two letters; it is empty for other texts.
func utf16Order(head []byte) string {
	if len(head) < 2 {
		return ""
	}
	switch mark := string(head[:2]); {
	case mark == "\xff\xfe":
		return "LE"
	case mark == "\xfe\xff":
		return "BE"
	case len(head) < 4:
	case head[0] != 0 && head[1] == 0 && head[2] != 0 && head[3] == 0:
		return "LE"
	case head[0] == 0 && head[1] != 0 && head[2] == 0 && head[3] != 0:
		return "BE"
	}
	return ""
}

// textReader returns the text of r in UTF-8 without a byte order mark and with the line
// ends of package csv, or a [*FormatError].
func textReader(r io.Reader) (*bufio.Reader, error) {
	raw := bufio.NewReaderSize(r, headBytes)
	head, _ := raw.Peek(headBytes) // an error comes again when the text is read
	if wrong := recognise(head); wrong != nil {
		return nil, wrong
	}
	text := raw
	switch order := utf16Order(head); {
	case order != "":
		endian := unicode.LittleEndian
		if order == "BE" {
			endian = unicode.BigEndian
		}
		text = bufio.NewReaderSize(transform.NewReader(raw, unicode.UTF16(endian, unicode.UseBOM).NewDecoder()), headBytes)
		head, _ = text.Peek(headBytes)
	case strings.HasPrefix(string(head[:min(len(head), 3)]), "\uFEFF"):
		text.Discard(3)
		head = head[3:]
	}
	if returns(head) {
		text = bufio.NewReaderSize(&lines{r: text}, headBytes)
	}
	return text, nil
}

// returns reports whether the first line ends with a carriage return that package csv does
// not take as a line end: one that stands alone, as old spreadsheets for the Macintosh
// write them, or two before a line feed.
func returns(head []byte) bool {
	quoted := false
	for i, c := range head {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return false
		case c == '\r':
			return i+1 == len(head) || head[i+1] != '\n'
		}
	}
	return false
}

// lines makes a line feed of each run of carriage returns with a line feed after it, and
// of each other carriage return.
type lines struct {
	r       *bufio.Reader
	pending int // line feeds of carriage returns that nothing is known to follow
}

func (l *lines) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if l.pending > 0 {
			p[n] = '\n'
			l.pending--
			n++
			continue
		}
		c, err := l.r.ReadByte()
		if err != nil {
			if n > 0 {
				return n, nil // the error comes again
			}
			return 0, err
		}
		if c == '\r' {
			run := 1
			for c == '\r' && err == nil {
				if c, err = l.r.ReadByte(); err == nil && c == '\r' {
					run++
				}
			}
			switch {
			case err != nil:
			case c == '\n':
				run = 1
			default:
				l.r.UnreadByte() // the byte that was read just now
			}
			l.pending = run
			continue
		}
		p[n] = c
		n++
	}
	return n, nil
}

// separators are the characters between fields, the first of equally frequent ones first.
const separators = ",;\t|"

// separator returns the character that separates the names of a header, a comma if none
// of them does. Characters in quotes do not count.
func separator(header string) rune {
	best, most := ',', 0
	for _, s := range separators {
		n, quoted := 0, false
		for _, c := range header {
			switch {
			case c == '"':
				quoted = !quoted
			case c == s && !quoted:
				n++
			}
		}
		if n > most {
			best, most = s, n
		}
	}
	return best
}

// separatorLine returns the separator that the first line names, as Excel writes and reads
// it ("sep=;"), 0 if it is no such line.
func separatorLine(line string) rune {
	line = strings.Trim(strings.TrimRight(line, "\r\n"), `"`)
	if len(line) == len("sep=")+1 && strings.EqualFold(line[:4], "sep=") && strings.ContainsRune(separators, rune(line[4])) {
		return rune(line[4])
	}
	return 0
}

// NotNumber returns the error for a field that is no number: it names a decimal comma,
// which spreadsheets of many countries write.
func NotNumber(text, what string) error {
	if before, after, found := strings.Cut(strings.TrimSpace(text), ","); found && isDigits(before) && isDigits(after) {
		return fmt.Errorf("%q is not %s: it has a decimal comma; write points, or save the table with the language set to English", text, what)
	}
	return fmt.Errorf("%q is not %s", text, what)
}

func isDigits(text string) bool {
	text = strings.TrimPrefix(text, "-")
	return text != "" && strings.Trim(text, "0123456789") == ""
}
