package paper

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed data
var files embed.FS

type contents struct {
	networks      []Network
	tables        []*Table
	discrepancies []Discrepancy
	runs          []Run
	claims        []Claim
	references    []Reference
	statements    []Statement
	weights       []ClassWeight
}

// all returns the content of the files, read once. The files are part of the program
// and checked by its tests, so a mistake in them is a programmer's mistake.
var all = sync.OnceValue(func() *contents {
	c := &contents{}
	for name, value := range map[string]any{
		"tables.json": &c.tables, "discrepancies.json": &c.discrepancies, "runs.json": &c.runs,
		"claims.json": &c.claims, "references.json": &c.references,
	} {
		read(name, func(text []byte) error { return json.Unmarshal(text, value) })
	}
	readCSV("networks.csv", "name,title,input,imagenet", func(r []string) (err error) {
		n := Network{Name: r[0], Title: r[1], ImageNet: r[3] == "yes"}
		n.Input, err = strconv.Atoi(r[2])
		c.networks = append(c.networks, n)
		return err
	})
	readCSV("cells.csv", "table,row,column,printed,logged,run,discrepancy,note", c.addCell)
	readCSV("prose.csv", "id,section,quantity,quote,printed,logged,run,discrepancy,note", func(r []string) error {
		c.statements = append(c.statements, Statement{ID: r[0], Section: r[1], Quantity: r[2], Quote: r[3],
			Printed: Number(r[4]), Logged: Number(r[5]), Run: r[6], Discrepancies: strings.Fields(r[7]), Note: r[8]})
		return nil
	})
	readCSV("class_weights.csv", "class,images,used,discrepancy", func(r []string) (err error) {
		w := ClassWeight{Class: r[0], Used: Number(r[2]), Discrepancy: r[3]}
		w.Images, err = strconv.Atoi(r[1])
		c.weights = append(c.weights, w)
		return err
	})
	return c
})

// read calls parse with the content of a file.
func read(name string, parse func(text []byte) error) {
	text, err := files.ReadFile("data/" + name)
	if err == nil {
		err = parse(text)
	}
	if err != nil {
		panic(fmt.Sprintf("paper: embedded %s: %v", name, err))
	}
}

// readCSV calls row for every row below the header.
func readCSV(name, header string, row func(fields []string) error) {
	read(name, func(text []byte) error {
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil {
			return err
		}
		if len(rows) == 0 || strings.Join(rows[0], ",") != header {
			return fmt.Errorf("no table with the header %s", header)
		}
		for i, fields := range rows[1:] {
			if err := row(fields); err != nil {
				return fmt.Errorf("row %d: %w", i+2, err)
			}
		}
		return nil
	})
}

// addCell adds a row of cells.csv to its table, with the headings of row and column.
func (c *contents) addCell(r []string) error {
	cell := Cell{Table: r[0], Row: r[1], Column: r[2], Printed: Number(r[3]), Logged: Number(r[4]),
		Run: r[5], Discrepancies: strings.Fields(r[6]), Note: r[7]}
	t := c.table(cell.Table)
	if t == nil {
		return fmt.Errorf("no table %s", cell.Table)
	}
	row, known := find(t.Rows, func(h Heading) bool { return h.Name == cell.Row })
	column, too := find(t.Columns, func(h Heading) bool { return h.Name == cell.Column })
	if !known || !too {
		return fmt.Errorf("table %s has no row %s or no column %s", cell.Table, cell.Row, cell.Column)
	}
	// At most one of the two headings has each.
	cell.Metric, cell.Backbone = row.Metric+column.Metric, row.Backbone+column.Backbone
	cell.Regime, cell.Source = row.Regime+column.Regime, row.Source+column.Source
	t.Cells = append(t.Cells, cell)
	return nil
}

func (c *contents) table(id string) *Table {
	t, _ := find(c.tables, func(t *Table) bool { return t.ID == id })
	return t
}

// find returns the first element that is wanted, and whether there is one.
func find[T any](list []T, wanted func(T) bool) (found T, ok bool) {
	if i := slices.IndexFunc(list, wanted); i >= 0 {
		return list[i], true
	}
	return found, false
}

// Tables returns the printed tables in the order of the paper. They are shared:
// do not change them.
func Tables() []*Table { return all().tables }

// FindTable returns the table with the given id, such as "5" or "A3", or nil.
func FindTable(id string) *Table { return all().table(id) }

// Cell returns the cell in the named row and column, and whether there is one.
func (t *Table) Cell(row, column string) (Cell, bool) {
	return find(t.Cells, func(c Cell) bool { return c.Row == row && c.Column == column })
}

// Agreement compares the printed value of a cell with the logged value.
func (t *Table) Agreement(c Cell) Agreement { return Compare(c.Printed, c.Logged, t.Decimals) }

// Networks returns the backbones of the paper's tables.
func Networks() []Network { return slices.Clone(all().networks) }

// Discrepancies returns the known mistakes in the paper's numbers.
func Discrepancies() []Discrepancy { return slices.Clone(all().discrepancies) }

// FindDiscrepancy returns the discrepancy with the given id, and whether there
// is one.
func FindDiscrepancy(id string) (Discrepancy, bool) {
	return find(all().discrepancies, func(d Discrepancy) bool { return d.ID == id })
}

// Statements returns the numbers that stand in the text of the paper.
func Statements() []Statement { return slices.Clone(all().statements) }

// FindStatement returns the statement with the given id, and whether there is one.
func FindStatement(id string) (Statement, bool) {
	return find(all().statements, func(s Statement) bool { return s.ID == id })
}

// Claims returns the conclusions of the paper.
func Claims() []Claim { return slices.Clone(all().claims) }

// Runs returns all logged runs. They are shared: do not change them.
func Runs() []Run { return all().runs }

// FindRun returns the run with the given id, and whether there is one.
func FindRun(id string) (Run, bool) {
	return find(all().runs, func(r Run) bool { return r.ID == id })
}

// FindReference returns the reference with the given number, and whether a table
// names it.
func FindReference(number string) (Reference, bool) {
	return find(all().references, func(r Reference) bool { return strconv.Itoa(r.Number) == number })
}

// ClassWeights returns the weights of the loss in the metadata notebooks, in
// class order.
func ClassWeights() []ClassWeight { return slices.Clone(all().weights) }
