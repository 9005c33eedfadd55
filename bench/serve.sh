#!/usr/bin/env bash
# Measures 'skinattn serve' under load, beside what 'skinattn bench --mode infer' gives and beside the same network behind FastAPI
# and ONNX Runtime; prints the table of docs/performance.md.
#   SKINATTN_DATA=HAM10000 bench/serve.sh              64 clients, 60 seconds each, two rounds
#   bench/serve.sh --seconds 10 --rounds 1             a short look; more options: --help
#   PYTHON                a Python 3.11 (default: the first found)
#   SKINATTN_SERVE_VENV   where FastAPI, ONNX Runtime and TensorFlow, which writes the ONNX file, are installed
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${SKINATTN_SERVE_VENV:-$here/.venv-serve}
# The mark is written last, and holds what was installed: an interrupted or outdated installation is made anew.
if ! cmp -s "$here/requirements-serve.txt" "$venv/installed.txt"; then
  echo "installing FastAPI, ONNX Runtime and TensorFlow into $venv" >&2
  rm -rf "$venv"
  "${PYTHON:-python3.11}" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements-serve.txt"
  cp "$here/requirements-serve.txt" "$venv/installed.txt"
fi
mkdir -p "$here/out"
(cd "$here/.." && go build -o "$here/out/skinattn" ./cmd/skinattn && go build -o "$here/out/load" ./scripts/load)
exec "$venv/bin/python" "$here/serve.py" "$@"
