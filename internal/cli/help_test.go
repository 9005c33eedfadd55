package cli

import (
	"strings"
	"testing"
)

// oneSpace undoes line breaks, which the help command moves.
func oneSpace(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestEveryHelpFileIsShown(t *testing.T) {
	files, err := helpFiles.ReadDir("help")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := helpFiles.ReadFile("help/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		last := oneSpace(lines[len(lines)-1])
		command := strings.Split(strings.TrimSuffix(file.Name(), ".txt"), "-")
		code, stdout, _ := call(t, append(command, "--help")...)
		if code != 0 || !strings.Contains(oneSpace(stdout), last) || strings.Contains(stdout, "${") {
			t.Errorf("%s --help: code %d, want the text of %s in\n%s", command, code, file.Name(), stdout)
		}
	}
}
