package paper

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Words for the two regimes of the paper's tables.
const (
	Augmented = "ad" // "augmented data": no metadata
	Metadata  = "md" // metadata and weighted loss
)

// Table is a printed table.
type Table struct {
	ID       string    `json:"id"`       // as printed: "5", "A3"
	Section  string    `json:"section"`  // where it stands
	Caption  string    `json:"caption"`  // as printed
	Corner   string    `json:"corner"`   // head of the column of row names
	Decimals int       `json:"decimals"` // at least, of its numbers: 2 where trailing zeros are left out
	Columns  []Heading `json:"columns"`
	Rows     []Heading `json:"rows"`
	// Remarks are facts about the table as a whole, not printed in it.
	Remarks []string `json:"remarks"`
	Cells   []Cell   `json:"-"` // row by row
}

// Heading is the printed name of a row or column and what it stands for.
type Heading struct {
	Name string `json:"name"` // as printed
	// Metric is a path of package eval ("accuracy", "per_class.mel.f1"),
	// "macro_specificity", or one of "parameters", "parameters_imagenet", "depth",
	// "megabytes", "seconds_per_epoch", "images.CLASS"; empty where nothing is measured.
	Metric   string `json:"metric,omitempty"`
	Backbone string `json:"backbone,omitempty"` // as on the command line
	Regime   string `json:"regime,omitempty"`   // Augmented or Metadata
	Source   string `json:"source,omitempty"`   // number of the reference the values are taken from
}

// Cell is one printed value.
type Cell struct {
	Table, Row, Column string
	Printed            Number // as printed; empty where the cell is
	// Logged is what the authors' notebooks have for it, or what follows from
	// their counts (four decimals); empty where nothing is known.
	Logged Number
	Run    string // id of the Run that Logged is from
	// Discrepancies are ids of what is wrong with the printed value.
	Discrepancies []string
	Note          string
	// What is measured, of what: from the headings of its row and column.
	Metric, Backbone, Regime, Source string
}

// Discrepancy explains why a printed value is not what it seems.
type Discrepancy struct {
	ID string `json:"id"`
	// Checks lists the checks that the value fails: CheckLog, CheckRowMean.
	Checks      []string `json:"checks"`
	Title       string   `json:"title"`
	Explanation string   `json:"explanation"`
}

// The checks of a printed value.
const (
	CheckLog     = "log"      // against what was logged
	CheckRowMean = "row-mean" // of a mean, against the printed values of its row
)

// Statement is a number in the text of the paper.
type Statement struct {
	ID, Section   string
	Quantity      string // what it is: a path of package eval, or words
	Quote         string // verbatim
	Printed       Number
	Logged        Number // as in Cell
	Run           string
	Discrepancies []string
	Note          string
}

// Claim is something that the paper concludes.
type Claim struct {
	ID     string  `json:"id"`
	Title  string  `json:"title"`
	Quotes []Quote `json:"quotes"`
	// Verdict is what the authors' logs say of it, Logged the particulars.
	Verdict string   `json:"verdict"`
	Logged  []string `json:"logged"`
	// Pairs are logged runs whose difference bears on the claim.
	Pairs []Pair `json:"pairs"`
	// Numbers are ids of Statements.
	Numbers []string `json:"numbers"`
	// Switch names what two runs must differ in to test the claim:
	// "soft_attention", "metadata", "class_weights", "backbone"; other words where
	// no single switch decides it.
	Switch string `json:"switch"`
}

// Quote is a sentence of the paper, verbatim.
type Quote struct {
	Section string `json:"section"`
	Text    string `json:"text"`
}

// Pair is two logged runs, by id.
type Pair struct {
	With    string `json:"with"`
	Without string `json:"without"`
	// SameImages is whether both were evaluated on the same hold-out.
	SameImages bool   `json:"same_images"`
	Note       string `json:"note"`
}

// Reference is an entry of the paper's list of references, as printed.
type Reference struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
}

// ClassWeight is a weight of the loss in the metadata notebooks.
type ClassWeight struct {
	Class  string
	Images int    // N_i, of all 10,015
	Used   Number // in the notebooks
	// Discrepancy tells how Used departs from N/(C*N_i) truncated to two
	// decimals; empty where it does not.
	Discrepancy string
}

//go:embed data
var files embed.FS

// all is everything, read once. The files are part of the program and held by
// its tests, so what is wrong with them is a programmer's mistake.
var all = sync.OnceValue(func() *contents {
	c := &contents{}
	readJSON("tables.json", &c.tables)
	readJSON("discrepancies.json", &c.discrepancies)
	readJSON("runs.json", &c.runs)
	readJSON("claims.json", &c.claims)
	readJSON("references.json", &c.references)
	c.readCells()
	for _, r := range readCSV("prose.csv", "id,section,quantity,quote,printed,logged,run,discrepancy,note") {
		c.statements = append(c.statements, Statement{ID: r[0], Section: r[1], Quantity: r[2], Quote: r[3],
			Printed: Number(r[4]), Logged: Number(r[5]), Run: r[6], Discrepancies: strings.Fields(r[7]), Note: r[8]})
	}
	for _, r := range readCSV("class_weights.csv", "class,images,used,discrepancy") {
		c.weights = append(c.weights, ClassWeight{Class: r[0], Images: int(Number(r[1]).Value()), Used: Number(r[2]), Discrepancy: r[3]})
	}
	return c
})

type contents struct {
	tables        []*Table
	discrepancies []Discrepancy
	runs          []Run
	claims        []Claim
	references    []Reference
	statements    []Statement
	weights       []ClassWeight
}

func readJSON(name string, value any) {
	text, err := files.ReadFile("data/" + name)
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		panic(fmt.Sprintf("paper: embedded %s: %v", name, err))
	}
}

func readCSV(name, header string) [][]string {
	text, err := files.ReadFile("data/" + name)
	if err != nil {
		panic(fmt.Sprintf("paper: embedded %s: %v", name, err))
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) == 0 || strings.Join(rows[0], ",") != header {
		panic(fmt.Sprintf("paper: embedded %s: no table with the header %s (%v)", name, header, err))
	}
	return rows[1:]
}

// readCells gives each table its cells, with what the headings say of them.
func (c *contents) readCells() {
	for _, r := range readCSV("cells.csv", "table,row,column,printed,logged,run,discrepancy,note") {
		cell := Cell{Table: r[0], Row: r[1], Column: r[2], Printed: Number(r[3]), Logged: Number(r[4]),
			Run: r[5], Discrepancies: strings.Fields(r[6]), Note: r[7]}
		t := c.table(cell.Table)
		if t == nil {
			panic("paper: embedded cells.csv: no table " + cell.Table)
		}
		for _, h := range []Heading{heading(t.Rows, cell.Row), heading(t.Columns, cell.Column)} {
			cell.Metric += h.Metric // each is in the row's or in the column's heading
			cell.Backbone += h.Backbone
			cell.Regime += h.Regime
			cell.Source += h.Source
		}
		t.Cells = append(t.Cells, cell)
	}
}

func (c *contents) table(id string) *Table {
	for _, t := range c.tables {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func heading(headings []Heading, name string) Heading {
	for _, h := range headings {
		if h.Name == name {
			return h
		}
	}
	panic("paper: embedded cells.csv: no row or column " + name)
}

// Tables returns the printed tables in the order of the paper. They are shared:
// do not change them.
func Tables() []*Table { return all().tables }

// FindTable returns the table with the given id, such as "5" or "A3", or nil.
func FindTable(id string) *Table { return all().table(id) }

// Cell returns the cell in the named row and column, and whether there is one.
func (t *Table) Cell(row, column string) (Cell, bool) {
	for _, c := range t.Cells {
		if c.Row == row && c.Column == column {
			return c, true
		}
	}
	return Cell{}, false
}

// Agreement says how the printed value comes from the logged one.
func (t *Table) Agreement(c Cell) Agreement { return Compare(c.Printed, c.Logged, t.Decimals) }

// Discrepancies returns what is known to be wrong in the paper's numbers.
func Discrepancies() []Discrepancy { return slices.Clone(all().discrepancies) }

// FindDiscrepancy returns the discrepancy with the given id, and whether there
// is one.
func FindDiscrepancy(id string) (Discrepancy, bool) {
	for _, d := range all().discrepancies {
		if d.ID == id {
			return d, true
		}
	}
	return Discrepancy{}, false
}

// Statements returns the numbers that stand in the text of the paper.
func Statements() []Statement { return slices.Clone(all().statements) }

// FindStatement returns the statement with the given id, and whether there is one.
func FindStatement(id string) (Statement, bool) {
	for _, s := range all().statements {
		if s.ID == id {
			return s, true
		}
	}
	return Statement{}, false
}

// Claims returns what the paper concludes.
func Claims() []Claim { return slices.Clone(all().claims) }

// FindReference returns the reference with the given number, and whether it is
// one that a table names.
func FindReference(number string) (Reference, bool) {
	for _, r := range all().references {
		if fmt.Sprint(r.Number) == number {
			return r, true
		}
	}
	return Reference{}, false
}

// ClassWeights returns the weights of the loss in the metadata notebooks, in
// class order.
func ClassWeights() []ClassWeight { return slices.Clone(all().weights) }
