package saliency_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/eval/saliency"
)

// A mask of 3 x 3 pixels whose left column is the lesion, and a map that looks at
// its top pixel.
func ExampleMask_Score() {
	mask, err := saliency.NewMask([]bool{
		true, false, false,
		true, false, false,
		true, false, false,
	}, 3, 0)
	if err != nil {
		log.Fatal(err)
	}
	scores, err := mask.Score([]float32{1, .5, 0, .25, 0, 0, .25, 0, 0})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range []saliency.Metric{saliency.MassInside, saliency.Pointing, saliency.IoU, saliency.AUC} {
		fmt.Printf("%s %.3f\n", m.Label(), scores[m])
	}
	// Output:
	// Mass inside 0.750
	// Pointing game 1.000
	// IoU, top area 0.500
	// AUC 0.889
}

const scoresCSV = `image_id,lesion_id,dx,predicted,mask_share,cam.mass_inside,cam.pointing,cam.pointing_near,cam.iou,cam.auc,cam.deletion,cam.insertion,baseline:uniform.mass_inside,baseline:uniform.pointing,baseline:uniform.pointing_near,baseline:uniform.iou,baseline:uniform.auc,baseline:uniform.deletion,baseline:uniform.insertion
a,x,mel,mel,0.25,0.75,1,1,0.5,0.875,,,0.25,0.25,0.5,0.125,0.5,,
b,y,nv,mel,0.5,0.625,0,1,0.25,0.625,,,0.5,0.5,0.75,0.25,0.5,,
`

func ExampleTable_Summarize() {
	table, err := saliency.ParseTable(strings.NewReader(scoresCSV), []string{"mel", "nv"})
	if err != nil {
		log.Fatal(err)
	}
	s, err := table.Summarize(context.Background(), eval.Options{})
	if err != nil {
		log.Fatal(err)
	}
	all := s.Groups[0]
	d := all.Differences[0]
	fmt.Printf("%d images: AUC of %s %.3f, less %s %+.3f\n", all.Images, s.Methods[0], all.Means[0][saliency.AUC].Value, d.B, d.Means[saliency.AUC].Value)
	// Output:
	// 2 images: AUC of cam 0.750, less baseline:uniform +0.250
}
