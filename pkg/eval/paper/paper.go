package paper

// Words for the two regimes of the paper's tables.
const (
	Augmented = "ad" // "augmented data": no metadata
	Metadata  = "md" // metadata and weighted loss
)

// Network is a backbone of the paper's tables.
type Network struct {
	Name  string // as on the command line
	Title string // as in the paper that introduced the network
	Input int    // pixels, width and height, in the authors' notebooks
	// ImageNet is whether the authors began with ImageNet weights.
	ImageNet bool
}

// Table is a printed table.
type Table struct {
	ID       string    `json:"id"`       // as printed: "5", "A3"
	Section  string    `json:"section"`  // of the paper
	Caption  string    `json:"caption"`  // as printed
	Corner   string    `json:"corner"`   // head of the column of row names
	Decimals int       `json:"decimals"` // least precision: 2 in a table that leaves out trailing zeros
	Columns  []Heading `json:"columns"`
	Rows     []Heading `json:"rows"`
	// Remarks are facts about the table as a whole, not printed in it.
	Remarks []string `json:"remarks"`
	Cells   []Cell   `json:"-"` // row by row
}

// Heading is the printed name of a row or column with its meaning.
type Heading struct {
	Name string `json:"name"` // as printed
	// Metric is a path of package eval ("accuracy", "per_class.mel.f1"),
	// "macro_specificity", or one of "parameters", "parameters_imagenet", "depth",
	// "megabytes", "seconds_per_epoch", "images.CLASS"; empty if the row or column measures nothing.
	Metric   string `json:"metric,omitempty"`
	Backbone string `json:"backbone,omitempty"` // as on the command line
	Regime   string `json:"regime,omitempty"`   // Augmented or Metadata
	Source   string `json:"source,omitempty"`   // number of the reference that the values come from
}

// Cell is one printed value.
type Cell struct {
	Table, Row, Column string
	Printed            Number // as printed; empty for an empty cell
	// Logged is the value in the authors' notebooks, or the value that follows from
	// their counts (four decimals); empty if neither is known.
	Logged Number
	Run    string // id of the Run that logged the value
	// Discrepancies are ids of the mistakes in the printed value.
	Discrepancies []string
	Note          string
	// The meaning of the cell, from the headings of its row and column.
	Metric, Backbone, Regime, Source string
}

// Discrepancy explains printed values that contradict the authors' log or each other.
type Discrepancy struct {
	ID string `json:"id"`
	// Checks lists the checks that the values fail: CheckLog, CheckRowMean.
	Checks      []string `json:"checks"`
	Title       string   `json:"title"`
	Explanation string   `json:"explanation"`
}

// The checks of a printed value.
const (
	CheckLog     = "log"      // the printed value agrees with the logged value
	CheckRowMean = "row-mean" // the printed mean agrees with the printed values of its row
)

// Statement is a number in the text of the paper.
type Statement struct {
	ID, Section   string
	Quantity      string // a path of package eval, or words
	Quote         string // verbatim
	Printed       Number
	Logged        Number // as in Cell
	Run           string
	Discrepancies []string
	Note          string
}

// Claim is a conclusion of the paper.
type Claim struct {
	ID     string  `json:"id"`
	Title  string  `json:"title"`
	Quotes []Quote `json:"quotes"`
	// Verdict reports whether the authors' logs support the claim, Logged gives the
	// particulars.
	Verdict string   `json:"verdict"`
	Logged  []string `json:"logged"`
	// Pairs are logged runs whose difference bears on the claim.
	Pairs []Pair `json:"pairs"`
	// Numbers are ids of Statements.
	Numbers []string `json:"numbers"`
	// Switch names the one difference between two runs that test the claim:
	// "soft_attention", "metadata", "class_weights", "backbone"; other words for a
	// claim that no single switch decides.
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

// Reference is an entry of the paper's list of references.
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
	// decimals; empty if Used is equal to it.
	Discrepancy string
}
