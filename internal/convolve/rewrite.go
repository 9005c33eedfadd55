package convolve

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Target is the name of the custom call.
const Target = "skinattn_convolution"

// convolution is an operation in the form in which go-xla writes StableHLO: operands, attributes, types.
var convolution = regexp.MustCompile(`"stablehlo\.convolution"\((%[\w#]+), (%[\w#]+)\) \{([^{}]*)\} : \(tensor<([0-9x]+)xf32>, tensor<([0-9x]+)xf32>\) -> tensor<([0-9x]+)xf32>`)

// attribute is a line of the attributes.
var attribute = regexp.MustCompile(`(?m)^\s*(\w+) = (.*?),?$`)

// kinds has the kinds by the order of the axes.
var kinds = map[string]Kind{
	"#stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>": Forward,
	"#stablehlo.conv<[b, 0, 1, f]x[0, 1, o, i]->[b, 0, 1, f]>": InputGradient,
	"#stablehlo.conv<[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]>": KernelGradient,
}

// Rewrite turns the convolutions of a program that pay into custom calls. The program is text in the form of go-xla; whatever
// has another form stays as it is.
func Rewrite(program []byte) []byte {
	return convolution.ReplaceAllFunc(program, func(text []byte) []byte {
		parts := convolution.FindSubmatch(text)
		g, ok := parse(string(parts[3]), string(parts[4]), string(parts[5]), string(parts[6]))
		if !ok || !g.Pays() {
			return text
		}
		var list []string
		for _, n := range g.Numbers() {
			list = append(list, strconv.FormatInt(n, 10))
		}
		const rows = "dense<[3, 2, 1, 0]> : tensor<4xindex>" // row-major
		return fmt.Appendf(nil, `"stablehlo.custom_call"(%s, %s) {
      api_version = 4 : i32,
      backend_config = {geometry = array<i64: %s>},
      call_target_name = %q,
      operand_layouts = [%s, %[5]s],
      result_layouts = [%[5]s]
    } : (tensor<%[6]sxf32>, tensor<%[7]sxf32>) -> tensor<%[8]sxf32>`,
			parts[1], parts[2], strings.Join(list, ", "), Target, rows, parts[4], parts[5], parts[6])
	})
}

// parse reads a convolution's attributes and the dimensions of its operands and result.
func parse(attributes string, dims ...string) (Geometry, bool) {
	var g Geometry
	for i, text := range dims {
		numbers := strings.Split(text, "x")
		if len(numbers) != 4 {
			return g, false
		}
		for axis, text := range numbers {
			g.Dims[i][axis], _ = strconv.Atoi(text)
		}
	}
	seen := map[string]string{}
	for _, a := range attribute.FindAllStringSubmatch(attributes, -1) {
		seen[a[1]] = a[2]
	}
	kind, known := kinds[seen["dimension_numbers"]]
	g.Kind = kind
	pairs := []struct {
		name string
		to   *[2]int
	}{{"window_strides", &g.Stride}, {"lhs_dilation", &g.Dilation}, {"rhs_dilation", &g.Spread}}
	for _, p := range pairs {
		_, err := fmt.Sscanf(seen[p.name], "array<i64: %d, %d>", &p.to[0], &p.to[1])
		known = known && err == nil
	}
	_, err := fmt.Sscanf(seen["padding"], "dense<[[%d, %d], [%d, %d]]> : tensor<2x2xi64>", &g.Pad[0][0], &g.Pad[0][1], &g.Pad[1][0], &g.Pad[1][1])
	return g, known && err == nil && seen["window_reversal"] == "array<i1: false, false>" &&
		seen["batch_group_count"] == "1 : i64" && seen["feature_group_count"] == "1 : i64" && len(seen) == 9
}
