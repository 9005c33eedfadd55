#!/usr/bin/env bash
# GoMLX v0.28.3 with go-xla v0.4.3: model.Exec can't build a graph with a variable under SPMD, since the sharding that it
# gives every variable of the store ("each device has it all") is not known to go-xla there: mesh "..." not found.
#
# The program adds a variable to one number on each of two devices, distributed three ways. Under AutoSharding it works, and
# under SPMD after the store's sharding was taken away for the building of the graph, which is what
# pkg/skinattn/training/devices.go does. graph.Exec, which has no variables, runs under SPMD as it is.
# Needs a PJRT plug-in for the CPU in ~/.local/lib/go-xla (skinattn doctor --fetch).
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// add is 10 + 1 and 10 + 2, computed on two devices, or why not. unsharded takes the store's sharding away while the graph
// is built.
func add(backend compute.Backend, mesh *distributed.DeviceMesh, strategy string, unsharded bool) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	store := model.NewStore()
	if _, err := store.CreateVariable("/v", tensors.FromScalar(float32(10))); err != nil {
		return err.Error()
	}
	var exec *model.Exec
	exec, err := model.NewExec(backend, store, func(_ *model.Scope, x *graph.Node) *graph.Node {
		if unsharded {
			plain := model.MustNewExec(backend, store, func(_ *model.Scope, g *graph.Graph) *graph.Node { return graph.ScalarZero(g, dtypes.Float32) })
			plain.SetDefaultShardingSpec(nil)
			defer exec.SetDefaultShardingSpec(distributed.NewReplicatedShardingSpec(mesh))
		}
		return graph.Add(store.GetVariable("/v").NodeValue(x.Graph()), x)
	})
	if err != nil {
		return err.Error()
	}
	if strategy == "SPMD" {
		exec.SPMD(mesh)
	} else {
		exec.AutoSharding(mesh)
	}
	outputs, err := exec.Call(float32(1), float32(2))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintln(outputs[0].Value(), outputs[len(outputs)-1].Value())
}

func main() {
	home, _ := os.UserHomeDir()
	xla.EnableAutoInstall(false)
	backend, err := xla.NewWithOptions(filepath.Join(home, ".local/lib/go-xla/pjrt_c_api_cpu_plugin.so"), map[string]any{"cpu_device_count": int64(2)})
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	mesh, err := distributed.NewDeviceMesh([]int{2}, []string{"batch"})
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	changed := false
	for _, c := range []struct {
		strategy  string
		unsharded bool
		want      string
	}{
		{"AutoSharding", false, "11 12"},
		{"SPMD", false, "not found"},
		{"SPMD", true, "11 12"},
	} {
		got := add(backend, mesh, c.strategy, c.unsharded)
		line, _, _ := strings.Cut(got, "\n")
		fmt.Printf("%s, without the store's sharding: %t: %s\n", c.strategy, c.unsharded, line)
		if !strings.Contains(got, c.want) {
			fmt.Printf("CHANGED: not %q\n", c.want)
			changed = true
		}
	}
	if changed {
		os.Exit(1)
	}
}
GO
cat > go.mod <<'MOD'
module finding

go 1.26.5
MOD
export GOFLAGS=-mod=mod
go get github.com/gomlx/gomlx@v0.28.3 github.com/gomlx/compute@v0.1.5 github.com/gomlx/go-xla@v0.4.3 >/dev/null 2>&1
go get github.com/gomlx/gomlx/ml/model@v0.28.3 >/dev/null 2>&1
go run .
