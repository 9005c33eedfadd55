package training

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Data parallel: the devices of an engine share the batches of a training. Each runs the
// graph of the step on an equal part of the batch and has all weights; see package layers.
// The updates are those of one device, up to rounding.

// BatchError says that the batches of a regime can't be shared evenly.
type BatchError struct{ Batch, Devices int }

func (e *BatchError) Error() string {
	return fmt.Sprintf("a batch of %d images can't be divided evenly among %d devices", e.Batch, e.Devices)
}

// CheckDevices returns a *BatchError unless the devices can share a regime's batches. The
// last batch of an epoch, which may be smaller, is computed by one device where they can't.
func CheckDevices(reg *spec.Regime, devices int) error {
	if reg.Batch%max(1, devices) != 0 {
		return &BatchError{reg.Batch, devices}
	}
	return nil
}

// sharing is the number of the stepper's devices that share a batch of n images.
func (s *Stepper) sharing(n int) int {
	if n%s.devices != 0 {
		return 1
	}
	return s.devices
}

// part returns a device's part of the batch, from 0 on. The partners of Blend stay places
// in the whole batch. The photos are copied: every device has memory of its own.
func (b Batch) part(device, devices int) (Batch, error) {
	if devices == 1 {
		return b, nil
	}
	n := len(b.Rows) / devices
	from, to := device*n, (device+1)*n
	p := Batch{Metadata: b.Metadata[from:to], Labels: b.Labels[from:to]}
	if b.Transforms != nil {
		p.Transforms = b.Transforms[from:to]
	}
	if b.Blend != nil {
		p.Blend = &Blend{b.Blend.Partner[from:to], b.Blend.Share[from:to], b.Blend.Boxes[from:to]}
	}
	shape := b.Pixels.Shape()
	p.Pixels = tensors.FromShape(shapes.Make(shape.DType, append([]int{n}, shape.Dimensions[1:]...)...))
	err := b.Pixels.ConstBytes(func(all []byte) {
		photo := len(all) / shape.Dimensions[0]
		p.Pixels.MutableBytes(func(mine []byte) {
			for i, row := range b.Rows[from:to] {
				copy(mine[i*photo:(i+1)*photo], all[int(row)*photo:])
				p.Rows = append(p.Rows, int32(i))
			}
		})
	})
	return p, err
}

// unsharded takes the sharding from the variables of store, before a distributed graph is
// built; sharded gives it back.
//
// model.Exec gives each variable the sharding of its store, and needs it when it runs a
// graph. But go-xla v0.4.3 takes a parameter's sharding, even one that says "each device has
// it all", for a matter of Shardy, and fails under SPMD: mesh "..." not found. There, a
// parameter without sharding means the same (GoMLX v0.28.3; findings/gomlx-spmd-variables.sh has the
// smallest program that shows it).
func unsharded(backend compute.Backend, store *model.Store) error {
	for v := range store.IterVariables() {
		if v.ShardingSpec() == nil {
			continue
		}
		value, err := v.Value() // joined from the devices
		if err == nil {
			value, err = value.LocalClone()
		}
		if err == nil {
			err = v.SetValue(value)
		}
		if err == nil {
			err = v.SetShardingSpec(nil)
		}
		if err != nil {
			return err
		}
	}
	// Only an executor that is not distributed can take the sharding from a store.
	plain, err := model.NewExec(backend, store, func(_ *model.Scope, g *graph.Graph) *graph.Node { return graph.ScalarZero(g, dtypes.Float32) })
	if err != nil {
		return err
	}
	return plain.SetDefaultShardingSpec(nil)
}

// sharded undoes unsharded: each device has all variables.
func sharded(exec *model.Exec, mesh *distributed.DeviceMesh) error {
	return exec.SetDefaultShardingSpec(distributed.NewReplicatedShardingSpec(mesh))
}
