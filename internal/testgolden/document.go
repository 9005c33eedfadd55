package testgolden

import (
	"os"
	"strings"
	"testing"
)

// Generated fails the test if the generated part of the document at path, between
// "<!-- begin: made by COMMAND -->" and "<!-- end -->", is not want, or writes it anew
// if update is set. A document without the two marks fails, too.
func Generated(t testing.TB, path, command, want string, update bool) {
	t.Helper()
	begin, end := "<!-- begin: made by "+command+" -->\n", "<!-- end -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	generated, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Errorf("%s has lost the marks of its generated part", path)
	case generated == want:
	case !update:
		t.Errorf("the generated part of %s is out of date; '%s' writes it anew", path, command)
	default:
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
