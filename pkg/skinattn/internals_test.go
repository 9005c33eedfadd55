package skinattn

// Shared with the tests of package skinattn_test, which can import packages that
// import this one.

type Summary = summary

var (
	CheckSummary = summary.check
	Tolerance    = tolerance
)
