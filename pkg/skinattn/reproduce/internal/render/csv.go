package render

import (
	"bytes"
	"encoding/csv"
)

// CSV is a file of records.
func CSV(records [][]string) []byte {
	var buffer bytes.Buffer
	csv.NewWriter(&buffer).WriteAll(records) // a bytes.Buffer does not fail
	return buffer.Bytes()
}
