#!/usr/bin/env bash
# XLA's CPU client gives equal bytes run after run, but not on another number of cores.
#
# jax 0.10.2 with jaxlib 0.10.2, CPU, float32. A product of matrices and a convolution have the
# same bytes on one core and on two. A plain sum, and a mean over the positions of a feature map
# as batch norm takes it, do not: XLA divides a large reduction among its threads and adds up the
# parts, so its last bits follow the number of cores that the process may use when it starts.
# A training is thus the same run again only on as many cores, although every random draw, every
# product and every run on the same cores is the same.
#
# Needs python3 (3.11 or newer), two cores and taskset. Exits with 0 if all is as stated.
set -euo pipefail
command -v taskset >/dev/null || { echo "taskset is not there"; exit 1; }
[ "$(nproc)" -ge 2 ] || { echo "needs two cores"; exit 1; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

cat >"$folder/sums.py" <<'PYTHON'
import hashlib
import jax
import numpy as np

rng = np.random.default_rng(0)
maps = rng.standard_normal((8, 56, 56, 64), dtype=np.float32)
kernel = rng.standard_normal((3, 3, 64, 64), dtype=np.float32)
left = rng.standard_normal((64, 200000), dtype=np.float32)
right = rng.standard_normal((200000, 64), dtype=np.float32)
programs = {
    "product": (lambda a, b: a @ b, left, right),
    "convolution": (lambda x, k: jax.lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")), maps, kernel),
    "sum": (lambda a: a.sum(), left),
    "mean": (lambda x: x.mean((0, 1, 2)), maps),
}
for name, (program, *inputs) in programs.items():
    print(name, hashlib.sha256(np.asarray(jax.jit(program)(*inputs)).tobytes()).hexdigest()[:16])
PYTHON

cores="$(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' | sed 's/-.*//' | head -1)"
on() { JAX_PLATFORMS=cpu taskset -c "$1" "$folder/venv/bin/python" "$folder/sums.py"; }
on "$cores" >"$folder/one"
on "$cores" >"$folder/one-again"
on "$cores,$((cores + 1))" >"$folder/two"
on "$cores,$((cores + 1))" >"$folder/two-again"
paste "$folder/one" "$folder/two"
cmp "$folder/one" "$folder/one-again"
cmp "$folder/two" "$folder/two-again"
for name in product convolution; do
  [ "$(grep "^$name " "$folder/one")" = "$(grep "^$name " "$folder/two")" ] || { echo "$name now depends on the number of cores"; exit 1; }
done
for name in sum mean; do
  [ "$(grep "^$name " "$folder/one")" != "$(grep "^$name " "$folder/two")" ] || { echo "$name no longer depends on the number of cores"; exit 1; }
done
echo "as stated: products and convolutions have the same bytes on one core and on two, sums and means do not"
