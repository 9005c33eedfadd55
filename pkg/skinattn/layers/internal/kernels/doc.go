// Package kernels computes the layers' operations in forms that XLA's CPU client runs fast, each with a
// gradient. It knows nodes, shapes and windows; which layers a network has, their names and their
// variables are package layers' part.
//
// The interface, by what an operation needs:
//
//	Conv2D, Pad, MaxPool, AveragePool, ReLU, AddChannels,   nodes in, a node out
//	ScaleChannels
//	State.DepthwiseConv2D, State.ReLU, State.BatchNorm      the same, for operations whose gradients
//	                                                        may recompute each other's maps
//	MomentsOf, ConcatMoments, Widens, Pointwise             statistics of a batch, for batch norms
//	State.Bottleneck, State.BottleneckDepthwise             a 1x1 convolution, batch norm, ReLU and
//	                                                        depthwise convolution as one
//	MicroBatches, MicroBatch, Limits, HasCache,             a batch in parts that fit into the cache
//	State.TooWide
//	CheckVersion                                            whether GoMLX is the version that loops need
//
// The words, all from the field: a map is an activation [B H W C]. A cotangent is the gradient of the
// loss with respect to a value. A kernel offset is a position in a window, its window view what it sees
// of the map in all windows; a stride phase is the remainder of a map's position by the stride. im2col
// gathers the patches that a convolution's windows see into the rows of a matrix. A GEMM is a matrix
// product. A lazy expression is a map that can be recomputed (rematerialized) from other maps in place
// of being stored. A micro-batch is some images of a batch.
//
// What each kernel gains was measured: docs/performance.md.
package kernels

import "github.com/gomlx/gomlx/core/graph"

// Node is a GoMLX graph node.
type Node = graph.Node
