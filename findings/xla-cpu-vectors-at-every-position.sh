#!/usr/bin/env bash
# XLA's CPU client adds up vectors anew at every position of the map that their sum scales.
#
# jax 0.10.2 with jaxlib 0.10.2, CPU, float32. A map [25088 128] is multiplied by a sum of 48 vectors of 128 values, as the
# gradient of DenseNet's batch norms has them. The sum is 128 values, but XLA computes it within the loop over the map: the loop
# takes all vectors as operands, and its time grows with their number, far beyond that of one pass over the map. An
# optimization_barrier around the sum does not prevent it. The same sum as one reduction of a stacked matrix is computed once.
#
# Needs python3 (3.11 or newer). Exits with 0 if all is as stated.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

cat >"$folder/vectors.py" <<'PYTHON'
import time

import jax
import jax.numpy as jnp
import numpy as np

rng = np.random.default_rng(0)
x = jnp.asarray(rng.standard_normal((25088, 128), dtype=np.float32))
stacked = [jnp.asarray(rng.standard_normal((48, 128), dtype=np.float32)) for _ in range(3)]
listed = [list(s) for s in stacked]

def term(a, b, c):
    return (a - b) * c * jnp.sqrt(jnp.abs(b) + 1)

def added(x, a, b, c):
    return jnp.maximum(x * sum(map(term, a, b, c)) + sum(map(term, b, c, a)), 0)

def barrier(x, a, b, c):
    s, t = jax.lax.optimization_barrier((sum(map(term, a, b, c)), sum(map(term, b, c, a))))
    return jnp.maximum(x * s + t, 0)

def reduced(x, a, b, c):
    return jnp.maximum(x * term(a, b, c).sum(0) + term(b, c, a).sum(0), 0)

seconds, results = {}, {}
for f, vectors in ((added, listed), (barrier, listed), (reduced, stacked)):
    program = jax.jit(f).lower(x, *vectors).compile()
    text = program.as_text()
    loops = [line for line in text[text.index("ENTRY"):].splitlines() if " fusion(" in line]
    results[f.__name__] = np.asarray(program(x, *vectors))
    times = []
    for _ in range(20):
        start = time.perf_counter()
        program(x, *vectors).block_until_ready()
        times.append(time.perf_counter() - start)
    seconds[f.__name__] = min(times)
    print(f"{f.__name__}: {min(times) * 1e3:.1f} ms, the largest loop has {max(line[line.index(' fusion('):].split(')')[0].count('%') for line in loops)} operands")
for name in ("barrier", "reduced"):
    assert np.allclose(results[name], results["added"], rtol=1e-3, atol=1e-3), name
assert seconds["added"] > 8 * seconds["reduced"], "vectors that are added up no longer cost what they did"
assert seconds["barrier"] > 8 * seconds["reduced"], "a barrier now has the sum computed once"
print("as stated: the sum of 48 vectors is computed at every position, a reduction is computed once")
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/vectors.py"
