package layers

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/skinattn/skinattn/pkg/skinattn/layers/internal/kernels"
)

// A training step can be distributed over devices by GoMLX's SPMD: all run the graph of one step, each on an equal part of
// the batch, and have all variables. Batch norms take their moments over the whole batch, and dropout draws for it. The
// functions below are for what else joins the images of a batch.

// Devices is the number of devices that compute a batch together in g: 1 unless g is distributed.
func Devices(g *graph.Graph) int { return kernels.Devices(g) }

// SumOverDevices sums each value over the devices, without a gradient. With one device the sums are the values.
func SumOverDevices(values ...*Node) []*Node { return kernels.SumOverDevices(values...) }

// WholeBatch joins the devices' parts [b ...] of a batch: [B ...], without a gradient. device is as in Builder.
func WholeBatch(part, device *Node) *Node { return kernels.WholeBatch(part, device) }
