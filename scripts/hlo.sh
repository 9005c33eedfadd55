#!/usr/bin/env bash
# Compares the programs that XLA gets from the working tree (StableHLO text of one
# training step and one prediction) with the programs of a commit:
#
#   scripts/hlo.sh BASE [NETWORK...]     without names: all networks
#
# Says "equal", or shows where each program first differs and exits with 1. Nothing
# is compiled or run: equal programs give equal numbers at equal speed.
# scripts/hlo/main.go builds the programs, for the CPU and for a GPU.
set -euo pipefail

base=${1:?usage: scripts/hlo.sh BASE [NETWORK...]}
shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir "$temp/tree"
git archive "$base" | tar -x -C "$temp/tree"
mkdir -p "$temp/tree/scripts/hlo"
cp scripts/hlo/main.go "$temp/tree/scripts/hlo/" # the same tool on both sides

programs() { # FOLDER OF THE MODULE, NAME, NETWORK...
    local folder=$1 name=$2
    shift 2
    (cd "$folder" && go build -o "$temp/hlo-$name" ./scripts/hlo)
    "$temp/hlo-$name" -out "$temp/$name/cpu" "$@" >/dev/null
    "$temp/hlo-$name" -cuda -out "$temp/$name/cuda" "$@" >/dev/null
}
programs "$temp/tree" base "$@"
programs . new "$@"

cd "$temp"
if diff -rq base new >differences; then
    echo "equal: $(find new -name '*.mlir' | wc -l) programs, $(du -sh new | cut -f 1)"
    exit
fi
cat differences
while read -r _ old _ new _; do
    [ -f "$old" ] && [ -f "$new" ] || continue # "Only in ..."
    diff "$old" "$new" | cut -c 1-400 | sed -n 1,8p || true
done <differences
exit 1
