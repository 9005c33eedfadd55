package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tripodParts are the numbered parts of TRIPOD+AI, from the statement of 2024.
const tripodParts = "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 " +
	"18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"

// Every part of the list is answered twice, in order, with one of four words, and the
// summary counts these answers.
func TestTripodIsComplete(t *testing.T) {
	content, err := os.ReadFile("tripod.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"yes", "partly", "no", "n/a"}
	answer := regexp.MustCompile(`^\*\*(yes|partly|no|n/a)\*\*(: .+)?$`)
	var parts []string
	counts := [2]map[string]int{{}, {}}
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 4 || !strings.Contains(line, "**") {
			continue
		}
		part := strings.TrimSpace(cells[0])
		parts = append(parts, part)
		for i, cell := range cells[2:] {
			found := answer.FindStringSubmatch(strings.TrimSpace(cell))
			if found == nil {
				t.Errorf("%s: %q does not begin with one of %v", part, cell, words)
				continue
			}
			counts[i][found[1]]++
			if found[2] == "" && (found[1] == "yes" || found[1] == "partly") {
				t.Errorf("%s: %s, but not where", part, found[1])
			}
		}
	}
	if wanted := strings.Fields(tripodParts); !slices.Equal(parts, wanted) {
		t.Errorf("the page has the parts\n%v, the list has\n%v", parts, wanted)
	}
	for i, who := range []string{"here", "the paper"} {
		row := "| " + who
		for _, word := range words {
			row += fmt.Sprintf(" | %d", counts[i][word])
		}
		if row += " |"; !strings.Contains(string(content), row+"\n") {
			t.Errorf("the summary lacks the row\n%s", row)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(content), -1) {
		if strings.HasPrefix(link[1], "https://") {
			continue
		}
		if _, err := os.Stat(filepath.FromSlash(link[1])); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
}
