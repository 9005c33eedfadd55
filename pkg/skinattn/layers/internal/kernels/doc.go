// Package kernels computes operations in forms that XLA's CPU client runs fast, each with a gradient. It knows nodes,
// shapes and windows, but no layers. docs/performance.md has what each kernel gains.
//
//   - conv2d.go, padding.go, pooling.go, relu.go: operations as functions of nodes.
//   - depthwise.go, batchnorm.go: operations whose gradients may recompute each other's maps; state.go: the State by
//     which they know of each other, and the limits and engines that decide; bottleneck.go: a 1x1 convolution, batch norm,
//     ReLU and depthwise convolution in one.
//   - moments.go: means and variances for batch norms, of a map or of a 1x1 convolution that is never computed.
//   - microbatch.go: loops over parts of a batch that fit into the cache.
//   - gradient.go (hand-written gradients), window.go, matmul.go, gomlx_workaround.go: parts that the other files share.
//
// Terms: a map is an activation [B H W C]. A cotangent is the gradient of the loss with respect to a value. A kernel
// offset is a position in a window; its window view is the values at that position in all windows. A stride phase is the
// remainder of a map's position by the stride. im2col writes the windows of a convolution into the rows of a matrix; a
// GEMM is a matrix product. A lazy expression is a map that can be recomputed (rematerialized) from other maps in place
// of being stored. A micro-batch is some images of a batch.
package kernels
