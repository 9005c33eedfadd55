// Package kernels computes the layers' operations in forms that XLA's CPU client runs fast, each with a gradient. It
// knows nodes, shapes and windows; which layers a network has, their names and their variables are package layers'
// part. What each kernel gains was measured: docs/performance.md.
//
// The interface, by what an operation needs:
//
//   - Conv2D, Pad, MaxPool, AveragePool, ReLU, AddChannels and ScaleChannels take nodes and give a node.
//   - State.DepthwiseConv2D, State.ReLU and State.BatchNorm do so for operations whose gradients may recompute each
//     other's maps; State.Bottleneck is a 1x1 convolution, batch norm, ReLU and depthwise convolution as one.
//   - MomentsOf, ConcatMoments and NewPointwise give the statistics of a batch for batch norms.
//   - MicroBatches computes a batch in parts that fit into the cache; MicroBatch, Limits, HasCache and State.TooWide
//     say when.
//   - CheckVersion says whether GoMLX is the version that loops need.
//
// The field's words: a map is an activation [B H W C]. A cotangent is the gradient of the loss with respect to a value.
// A kernel offset is a position in a window, its window view what it sees of the map in all windows; a stride phase is
// the remainder of a map's position by the stride. im2col gathers the patches that a convolution's windows see into the
// rows of a matrix. A GEMM is a matrix product. A lazy expression is a map that can be recomputed (rematerialized) from
// other maps in place of being stored. A micro-batch is some images of a batch.
package kernels
