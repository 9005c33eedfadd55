#!/usr/bin/env bash
# scigolib/hdf5 v0.14.1, an HDF5 library in pure Go: a file with 257 datasets in a group is written without an error, and the
# HDF5 library can't list the group (h5py 3.14.0 with HDF5 1.14.6).
#
# The program makes a file with n datasets in the root group, as a file of a Keras network with n layers has them, and checks
# every error, that of Close among them. With 256 h5py reads all of them. With 257 all calls succeed as well, and h5py says
# "number of children is greater than maximum": the node of the group's B-tree is written beyond its size.
# Way out: fewer names in a group, or the C library.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"log"

	"github.com/scigolib/hdf5"
)

func write(n int) error {
	file, err := hdf5.CreateForWrite(fmt.Sprintf("%d.h5", n), hdf5.CreateTruncate)
	if err != nil {
		return err
	}
	for i := range n {
		d, err := file.CreateDataset(fmt.Sprintf("/layer%03d", i), hdf5.Float32, []uint64{2})
		if err != nil {
			return err
		}
		if err := d.Write([]float32{float32(i), 1}); err != nil {
			return err
		}
	}
	return file.Close()
}

func main() {
	for _, n := range []int{256, 257} {
		if err := write(n); err != nil {
			log.Fatalf("%d datasets: %v", n, err)
		}
	}
}
GO
printf 'module program\ngo 1.26\n' > go.mod
go get github.com/scigolib/hdf5@v0.14.1 2> /dev/null
go run . || { echo "CHANGED: writing says so now"; exit 1; }
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check h5py==3.14.0 numpy==2.3.3
venv/bin/python - <<'PY'
import h5py

seen = {}
for n in (256, 257):
    with h5py.File(f"{n}.h5") as f:
        try:
            seen[n] = [int(f[name][0]) for name in f] == list(range(n))
        except RuntimeError as e:
            seen[n] = str(e)
    print(n, "datasets:", "read" if seen[n] is True else seen[n])
raise SystemExit(not (seen[256] is True and "number of children is greater than maximum" in str(seen[257])))
PY
