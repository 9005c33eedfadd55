#!/usr/bin/env bash
# Checks the program on a GPU in at most ten minutes, and writes what it saw to a JSON file:
#   scripts/check-gpu.sh [--out check-gpu.json] [--minutes 10]
#   scripts/check-gpu.sh --cpu --quick     the same steps on the CPU, each of them small
# scripts/checkgpu has the steps; docs/gpu.md shows what they print. Exits with 1 if one fails, and with
# 130 if it is interrupted: the file then has what was seen until then.
set -euo pipefail
root="$(dirname "${BASH_SOURCE[0]}")/.." temp="$(mktemp -d)"
go build -C "$root" -o "$temp/check-gpu" ./scripts/checkgpu || { code=$?; rm -rf "$temp"; exit "$code"; }
exec "$temp/check-gpu" -temp "$temp" -root "$root" "$@" # gets the signals, and removes the folder
