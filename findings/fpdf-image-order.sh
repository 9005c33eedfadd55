#!/usr/bin/env bash
# go-pdf/fpdf v0.11.1, which gonum/plot makes its PDF files with: one document has different bytes from call to call, although
# SetCatalogSort(true) and fixed dates are there to prevent it.
#
# The document has two pictures of equal width. fpdf sorts its pictures by their widths, those of equal width in the order of a
# Go map, and numbers them in it, so that 100 equal documents have two forms. With two widths they have one.
# Way out: give every picture of a document a width of its own, with transparent columns at its side.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// document is a page with a black and a white picture of these widths in pixels.
func document(widths [2]int) string {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(time.Unix(0, 0).UTC())
	pdf.SetModificationDate(time.Unix(0, 0).UTC())
	pdf.AddPage()
	for i, width := range widths {
		picture := image.NewGray(image.Rect(0, 0, width, 4))
		for x := range width {
			picture.Set(x, 1, color.Gray{uint8(255 * i)})
			picture.Set(x, 2, color.Gray{uint8(255 - 255*i)})
		}
		var file bytes.Buffer
		if err := png.Encode(&file, picture); err != nil {
			log.Fatal(err)
		}
		name := fmt.Sprint("picture ", i)
		pdf.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, &file)
		pdf.Image(name, 10, float64(10+20*i), 10, 10, false, "", 0, "")
	}
	var out bytes.Buffer
	if err := pdf.Output(&out); err != nil {
		log.Fatal(err)
	}
	return out.String()
}

func forms(widths [2]int) int {
	seen := map[string]bool{}
	for range 100 {
		seen[document(widths)] = true
	}
	fmt.Printf("pictures of %d and %d columns: %d forms of one document\n", widths[0], widths[1], len(seen))
	return len(seen)
}

func main() {
	equal, different := forms([2]int{4, 4}), forms([2]int{4, 5})
	if equal < 2 || different != 1 {
		os.Exit(1)
	}
}
GO
printf 'module program\ngo 1.26\n' > go.mod
go get codeberg.org/go-pdf/fpdf@v0.11.1 2> /dev/null
go run .
