package paper_test

import (
	"fmt"

	"github.com/skinattn/skinattn/pkg/eval/paper"
)

// A printed value, the logged value, and the reason for the difference.
func ExampleTable_Cell() {
	table := paper.FindTable("A4")
	cell, _ := table.Cell("NasNetLarge with Metadata and WeightLoss", "df")
	fmt.Println(cell.Printed, cell.Logged, table.Agreement(cell))
	for _, id := range cell.Discrepancies {
		d, _ := paper.FindDiscrepancy(id)
		fmt.Println(d.Explanation)
	}
	// Output:
	// 0.92 0.83 differs
	// The row holds the recalls of MobileNetV3Large (cut -28).
}

func ExampleCompare() {
	fmt.Println(paper.Compare("0.90", "0.8986", 2))
	fmt.Println(paper.Compare("0.71", "0.7193", 2))
	fmt.Println(paper.Compare("0.86", "0.8115", 2))
	// Output:
	// rounded
	// truncated
	// differs
}

// A confusion matrix that the authors published, and its accuracy.
func ExampleFindRun() {
	run, _ := paper.FindRun("densenet201-lr-retrained")
	fmt.Printf("%s: %d of %d, %.4f\n", run.Name, run.Correct(), run.N, run.Confusion.Accuracy())
	// Output:
	// DenseNet201 LRStrategy, retrained: 873 of 996, 0.8765
}
