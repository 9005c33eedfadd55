#!/usr/bin/env bash
# Trains the runs of three studies, one after the other:
#
#   scripts/studies.sh OUT          then again, to go on where it stopped
#
#   OUT/ablation/    Soft-Attention x metadata x class weights, every combination,
#                    protocols grouped and paper, seeds 1 to 3: 48 runs
#   OUT/leak-pair/   both arms of protocol leak-pair, seeds 1 to 3: 6 runs
#   OUT/archive-sites/   the whole network on the sites of the ISIC Archive, protocol
#                    grouped, seeds 1 to 3: 3 runs, whose counterparts on the
#                    published sites and without metadata are runs of the ablation
#                    (in the repository, those of seed 3 lie beside them)
#
# Only the layers after the cut are trained, on features of MobileNetV2 at 224 pixels
# that are computed once (1.9 GB in the user's cache folder), so that a run takes a
# minute or two. The regime is md/as-printed but for the frozen backbone, six epochs
# with a cosine in place of 250 with a plateau rule, Keras's own epsilon, and the
# weights of the last epoch, so that no images choose anything.
#
# SKINATTN_DATA must name the HAM10000 folder. SKINATTN_WEIGHTS may name the folder of
# Keras's weights. SKINATTN may be a built program: one program for all runs of a study
# (default: it is built from this repository). `scripts/studies.sh --list` prints the
# run folders and the flags of each; those of archive-sites/ take their data from the
# folder OUT/archive-data, which "skinattn data convert --archive-sites" makes.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# The flags that all runs share.
common=(--backbone mobilenet_v2 --regime md/as-printed --freeze backbone --feature-cache
	--epochs 6 --schedule cosine --plateau-factor 0 --stop-patience 0 --select last --epsilon 1e-7)

# runs prints a line for each run: its folder, and its flags beside the common ones. The
# runs of a seed stand together, so that a study that was stopped has whole seeds.
runs() {
	local seed arm
	ablation grouped 1
	for seed in 1 2 3; do
		for arm in with without; do
			echo "leak-pair/$arm-seed$seed --protocol leak-pair --arm $arm --seed $seed"
		done
	done
	ablation grouped 2
	ablation grouped 3
	for seed in 1 2 3; do
		echo "archive-sites/archive-seed$seed --protocol grouped --seed $seed"
	done
	for seed in 1 2 3; do
		ablation paper $seed
	done
}

ablation() { # PROTOCOL SEED
	local attention metadata weights
	for attention in on off; do
		for metadata in on off; do
			for weights in on off; do
				local flags="--protocol $1 --seed $2"
				[ $attention = on ] || flags+=" --no-soft-attention"
				[ $metadata = on ] || flags+=" --no-metadata"
				[ $weights = on ] || flags+=" --class-weights 1,1,1,1,1,1,1"
				echo "ablation/$1-attention-$attention-metadata-$metadata-weights-$weights-seed$2 $flags"
			done
		done
	done
}

case ${1:-} in
--list)
	echo "common: ${common[*]}"
	runs
	exit
	;;
"" | -*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
	exit 2
	;;
esac
out=$1
: "${SKINATTN_DATA:?name the HAM10000 folder}"
mkdir -p "$out"
if [ -z "${SKINATTN:-}" ]; then
	SKINATTN=$out/skinattn
	(cd "$repo" && go build -o "$SKINATTN" ./cmd/skinattn)
fi

if [ ! -e "$out/archive-data/HAM10000_metadata.csv" ]; then # written last
	"$SKINATTN" data convert "$SKINATTN_DATA" --archive-sites --out "$out/archive-data" >/dev/null
fi

failed=0
while read -r name flags; do
	run=$out/$name
	mkdir -p "$(dirname "$run")"
	if [ -e "$run/metrics.json" ]; then # its last file
		continue
	fi
	data=$SKINATTN_DATA
	[[ $name != archive-sites/* ]] || data=$out/archive-data
	# shellcheck disable=SC2206 # flags are words without blanks
	command=("$SKINATTN" train --run "$run" --data "$data" "${common[@]}" $flags)
	if [ -e "$run/config.json" ]; then
		command=("$SKINATTN" train --run "$run" --data "$data" --resume)
	else
		rm -rf "$run" # what a run leaves that was stopped before its first step
	fi
	echo "$(date -u +%H:%M:%S) $name"
	if ! "${command[@]}" </dev/null >"$run.log" 2>&1; then
		failed=$((failed + 1))
		echo "$name failed: $(tail -n 1 "$run.log")" >&2
	fi
done < <(runs)
[ $failed = 0 ] || { echo "$failed runs failed; their logs lie beside their folders" >&2; exit 1; }
