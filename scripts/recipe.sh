#!/usr/bin/env bash
# recipe.sh SKINATTN DATA WEIGHTS OUT [NAME...]: the short runs that try options for the regime `modern`
# (docs/training.md), or the named ones only. Each changes one thing; the validation part alone is looked
# at. A second start goes on where the first stopped. Without checkpoints they are studies/recipe.
set -euo pipefail
skinattn=$1 data=$2 weights=$3 out=$4
shift 4
wanted=" $* " known=()
common=(--backbone mobilenet_v2 --protocol grouped --regime modern --size 128 --seed 1 --data "$data" --weights "$weights" --quiet)

trial() {
  local name=$1 run=$out/$1 resume=() epochs=10
  shift
  known+=("$name")
  [ "$name" = long ] && epochs=20
  [ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
  [ -f "$run/metrics.json" ] && return
  [ -f "$run/config.json" ] && resume=(--resume)
  echo "$(date +%T) $name"
  "$skinattn" train "${common[@]}" --epochs "$epochs" --run "$run" "$@" "${resume[@]}"
}

trial as-before --resize= --oversample 0 --views 8
trial sharp
trial crop --crop .4 --shift 0 --zoom 0
trial rate-double --learning-rate 1e-3
trial cutmix --cutmix 1
trial balanced --sampling balanced --class-weights 1,1,1,1,1,1,1
trial ema --ema .998
trial mixup --mixup .2
trial rate-backbone --layer-rates backbone=.3 --learning-rate 1e-3
trial no-smoothing --label-smoothing 0
trial gap --head gap
trial long

for name in $wanted; do
  [[ " ${known[*]} " == *" $name "* ]] || { echo "recipe.sh: no trial $name; there are ${known[*]}" >&2; exit 2; }
done
