package reproduce

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Column is a source of values beside the paper's: a protocol of this project.
type Column int

// The columns, in the order of the tables.
const (
	Leaky Column = iota
	Datta828
	Grouped
	Official
)

// Columns are all columns.
var Columns = []Column{Leaky, Datta828, Grouped, Official}

// columnFacts has for each column its key in CSV and JSON, its head in tables,
// and the protocol that its runs follow.
var columnFacts = [...]struct{ key, head, protocol string }{
	Leaky:    {"ours_leaky", "ours, leaky", split.Paper},
	Datta828: {"ours_datta828", "ours, datta828", split.Datta828},
	Grouped:  {"ours_grouped", "ours, grouped", split.Grouped},
	Official: {"official_test", "official test", split.ISIC2018},
}

// Key is the column's name in CSV and JSON.
func (c Column) Key() string { return columnFacts[c].key }

// String is the head of the column.
func (c Column) String() string { return columnFacts[c].head }

// Protocol is what the runs of the column follow.
func (c Column) Protocol() string { return columnFacts[c].protocol }

// explanation says in a sentence what the column is.
func (c Column) explanation() string {
	switch c {
	case Leaky:
		return "protocol `paper`, as the authors split: by image, so that photos of one lesion fall into both parts, and reported on the part that chose the epoch. The leak rate, the share of reported images whose lesion was trained on, is measured on each run's split."
	case Datta828:
		return "protocol `datta828`, the split of [14]: 828 images of lesions with a single photo; a lesion-grouped tenth of the rest chooses the epoch."
	case Grouped:
		return "protocol `grouped`, by lesion: no lesion is in two parts, and the test chooses nothing. The number to believe."
	case Official:
		return "protocol `isic2018`: trained on HAM10000, one look at the official ISIC 2018 test (1,512 images)."
	}
	return fmt.Sprintf("Column(%d)", int(c))
}
