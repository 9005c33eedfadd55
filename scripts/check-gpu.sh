#!/usr/bin/env bash
# Checks the program on a GPU in at most ten minutes, and writes what it saw to a JSON file:
#   scripts/check-gpu.sh [--out check-gpu.json] [--minutes 10]
#   scripts/check-gpu.sh --cpu --quick     the same steps on the CPU, each of them small
# scripts/checkgpu has the steps; docs/gpu.md shows what they print. Exits with 1 if one fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec go run ./scripts/checkgpu "$@"
