#!/usr/bin/env bash
# Fetches HAM10000: `skinattn data fetch`, with the same options. Needs Go, or the
# command skinattn on the PATH.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if command -v go >/dev/null; then
	go build -C "$project" -o "$project/bin/skinattn" ./cmd/skinattn
	exec "$project/bin/skinattn" data fetch "$@"
elif command -v skinattn >/dev/null; then
	exec skinattn data fetch "$@"
fi
echo "download.sh: needs Go (https://go.dev/dl), for 'go run ./cmd/skinattn data fetch', or the command skinattn on the PATH" >&2
exit 1
