#!/usr/bin/env bash
# experiment.sh SKINATTN DATA WEIGHTS OUT [NAME...]: the training runs behind results/ at 224 px, in the
# order in which they are worth having, or the named runs only. SKINATTN is the command, built once;
# DATA the HAM10000 folder; WEIGHTS a folder of Keras applications files. Run folders appear in OUT. A
# second start goes on where the first stopped.
set -euo pipefail
skinattn=$1 data=$2 weights=$3 out=$4
shift 4
wanted=" $* "

run() { # NAME FLAGS...
  local name=$1 run=$out/$1 resume=() file
  shift
  [ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
  [ -f "$run/metrics.json" ] && return
  [ -f "$run/config.json" ] && resume=(--resume)
  case $name in
  mobilenet_v2-*) file=(--backbone mobilenet_v2 --weights "$weights"/mobilenet_v2_*_no_top.h5) ;;
  mobilenet-*) file=(--backbone mobilenet --weights "$weights"/mobilenet_1_0_224_*.h5) ;;
  resnet34-*) file=(--backbone resnet34 --weights random) ;;
  vgg16-*) file=(--backbone vgg16 --weights random) ;;
  esac
  echo "$(date +%T) $name"
  "$skinattn" train "${file[@]}" --data "$data" --run "$run" "$@" "${resume[@]}"
}

run mobilenet_v2-modern-isic2018-224px-seed1 --regime modern --protocol isic2018 --seed 1
run mobilenet_v2-modern-grouped-224px-seed1 --regime modern --protocol grouped --seed 1
run mobilenet_v2-md-as-run-grouped-224px-seed1 --regime md/as-run --protocol grouped --epochs 40 --seed 1
run mobilenet_v2-md-as-run-paper-224px-seed1 --regime md/as-run --protocol paper --epochs 40 --seed 1
run mobilenet_v2-modern-grouped-224px-seed2 --regime modern --protocol grouped --seed 2
run mobilenet_v2-modern-grouped-224px-seed3 --regime modern --protocol grouped --seed 3
run mobilenet-modern-grouped-224px-seed1 --regime modern --protocol grouped --seed 1
run mobilenet_v2-modern-datta828-224px-seed1 --regime modern --protocol datta828 --seed 1
run mobilenet_v2-modern-isic2018-224px-seed2 --regime modern --protocol isic2018 --seed 2
run mobilenet_v2-modern-isic2018-224px-seed3 --regime modern --protocol isic2018 --seed 3
run mobilenet_v2-md-as-run-datta828-224px-seed1 --regime md/as-run --protocol datta828 --epochs 40 --seed 1
run mobilenet-md-as-run-grouped-224px-seed1 --regime md/as-run --protocol grouped --epochs 40 --seed 1
run resnet34-ad-as-run-paper15-128px-seed1 --regime ad/as-run --protocol paper --test-share .15 --size 128 --epochs 40 --seed 1
run vgg16-ad-as-run-paper15-128px-seed1 --regime ad/as-run --protocol paper --test-share .15 --size 128 --epochs 20 --seed 1
