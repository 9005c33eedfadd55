package diagram

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/skinattn/skinattn/pkg/skinattn/layers"
)

// Stage is a series of layers that are drawn as one box.
type Stage struct {
	Title      string       // Keras's names, such as "conv4_block 1-36"
	Shape      layers.Shape // of the last layer, without the batch axis
	Layers     int
	Parameters int // of all its layers

	key blockKey
}

// join adds the layers of the stage that follows s.
func (s *Stage) join(next Stage) {
	s.Shape, s.Layers, s.Parameters = next.Shape, s.Layers+next.Layers, s.Parameters+next.Parameters
}

// blockKey identifies a block of layers: a family of Keras's names, numbered where the
// network repeats the family. A text after @ distinguishes families of one title.
type blockKey struct {
	family   string
	number   int
	numbered bool
}

func (k blockKey) title() string {
	if !k.numbered {
		family, _, _ := strings.Cut(k.family, "@")
		return family
	}
	return fmt.Sprintf("%s %d", k.family, k.number)
}

// blockNames has the patterns of layer names by block; the first match counts. Where
// family is empty, the pattern's first group is the family; its last group is the
// number.
var blockNames = sync.OnceValue(func() []blockName {
	return []blockName{
		{regexp.MustCompile(`^(conv\d+_block)(\d+)_`), "", true},                            // DenseNet, ResNet
		{regexp.MustCompile(`^(block\d+)_(\d+)(?:_|$)`), "", true},                          // InceptionResNetV2
		{regexp.MustCompile(`^(block)_(\d+)_`), "", true},                                   // MobileNetV2
		{regexp.MustCompile(`^(expanded_conv)_(\d+)/`), "", true},                           // MobileNetV3
		{regexp.MustCompile(`^(expanded_conv)[_/]`), "", false},                             // MobileNetV2, V3
		{regexp.MustCompile(`^conv_(?:dw|pw|pad)_(\d+)`), "conv_dw, conv_pw", true},         // MobileNet
		{regexp.MustCompile(`_((?:stem|reduce)_\d+)$`), "", false},                          // NASNet
		{regexp.MustCompile(`^(?:normal|adjust|separable)_.*_(\d+)$`), "normal cell", true}, // NASNet
		{regexp.MustCompile(`^(?:(?i:bn_conv1|conv1)|stem|Conv/|Conv$)`), "stem", false},
		{regexp.MustCompile(`^mixed_5b$`), "stem and mixed_5b", false},
		{regexp.MustCompile(`^(mixed_\w+|pool\d+)`), "", false},
		{regexp.MustCompile(`^(Conv_1|conv_7b)`), "", false},
		{regexp.MustCompile(`^(?:avg_pool|global_|predictions|Predictions|Logits|conv_preds)`), "top", false},
	}
})

type blockName struct {
	pattern  *regexp.Regexp
	family   string
	numbered bool
}

func nameKey(name string) (blockKey, bool) {
	for _, block := range blockNames() {
		m := block.pattern.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		key := blockKey{family: block.family, numbered: block.numbered}
		if key.family == "" {
			key.family = m[1]
		}
		if key.numbered {
			key.number, _ = strconv.Atoi(m[len(m)-1])
		}
		return key, true
	}
	return blockKey{}, false
}

// blockKeys gives every layer of a whole network its block. A layer with an
// automatic name belongs to the block that it feeds; in a network of automatic
// names, to the other layers of its resolution.
func blockKeys(g *layers.Graph) map[string]blockKey {
	keys := map[string]blockKey{}
	named := 0
	for _, l := range g.Layers() {
		if key, ok := nameKey(l.Name); ok {
			keys[l.Name] = key
			if key.family != "top" {
				named++
			}
		}
	}
	if named == 0 {
		for _, l := range g.Layers() {
			keys[l.Name] = blockKey{family: "top"}
			if len(l.Out) > 1 {
				keys[l.Name] = blockKey{family: fmt.Sprintf("convolutions@%dx%d", l.Out[0], l.Out[1])}
			}
		}
		return keys
	}
	for _, l := range slices.Backward(g.Layers()) {
		key, ok := keys[l.Name]
		if !ok {
			key = blockKey{family: "top"} // feeds nothing that has a block
			keys[l.Name] = key
		}
		for _, input := range l.Inputs {
			if _, has := keys[input]; !has {
				keys[input] = key
			}
		}
	}
	return keys
}

// parameters counts the scalars of one layer.
func parameters(g *layers.Graph, l *layers.Layer) int {
	n := 0
	for _, v := range l.Op.Variables(g.InputShapes(l)...) {
		n += v.Shape.Size()
	}
	return n
}

// group makes a stage of each block among the layers of g that pick chooses, in
// order, and joins consecutive blocks of one family and resolution. keys has the
// block of every layer of the uncut network: a block from which layers are missing
// stays a stage of its own.
func group(g *layers.Graph, keys map[string]blockKey, pick func(*layers.Layer) bool) []Stage {
	whole := map[blockKey]int{}
	for _, key := range keys {
		whole[key]++
	}
	var blocks []*Stage
	byKey := map[blockKey]*Stage{}
	for _, l := range g.Layers() {
		if _, input := l.Op.(layers.Input); input || !pick(l) {
			continue
		}
		key := keys[l.Name]
		block := byKey[key]
		if block == nil {
			block = &Stage{Title: key.title(), key: key}
			byKey[key] = block
			blocks = append(blocks, block)
		}
		block.Shape = l.Out
		block.Layers++
		block.Parameters += parameters(g, l)
	}
	var stages []Stage
	var first int // number of the first block of the last stage
	open := false // whether the last stage can take another block
	for _, b := range blocks {
		inPart := b.key.family != "top" && b.Layers < whole[b.key]
		if n := len(stages); n > 0 && open && !inPart && b.key.numbered && stages[n-1].key.family == b.key.family && sameResolution(stages[n-1].Shape, b.Shape) {
			last := &stages[n-1]
			last.join(*b)
			last.Title, last.key = fmt.Sprintf("%s %d-%d", b.key.family, first, b.key.number), b.key
			continue
		}
		if inPart && b.key.numbered {
			b.Title += " in part"
		}
		stages = append(stages, *b)
		first, open = b.key.number, b.key.numbered && !inPart
	}
	return stages
}

func sameResolution(a, b layers.Shape) bool {
	return len(a) == 3 && len(b) == 3 && a[0] == b[0] && a[1] == b[1]
}
