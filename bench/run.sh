#!/usr/bin/env bash
# Measures skinattn beside Keras, PyTorch, ONNX Runtime and OpenVINO.
#   bench/run.sh                       MobileNetV2 at 128 and 224 px, in rounds (compare.py)
#   bench/run.sh --network all         every network at its own size (networks.py); goes on where it was interrupted
#   bench/run.sh --network NAME...     these alone
#   bench/run.sh --growth              MobileNetV2 by batch, size and cores (growth.py); goes on where it was interrupted
# Installs the peers into bench/.venv on first use. More arguments: --help behind the above.
#   PYTHON                a Python 3.11 (default: the first found)
#   SKINATTN_BENCH_VENV   where the peers are installed
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${SKINATTN_BENCH_VENV:-$here/.venv}

find_python() {
  local name
  for name in ${PYTHON:-python3.11 python3}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "bench/run.sh: the peers need Python 3.11, which was not found; set PYTHON" >&2
  return 1
}

# The mark is written last, and holds what was installed: an interrupted or outdated installation is made anew.
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  python=$(find_python)
  echo "installing the peers into $venv" >&2
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi

mkdir -p "$here/out"
(cd "$here/.." && go build -o "$here/out/skinattn" ./cmd/skinattn)
script=compare.py
case ${1-} in
  --network) script=networks.py ;;
  --growth) script=growth.py; shift ;;
esac
exec "$venv/bin/python" "$here/$script" --skinattn "$here/out/skinattn" "$@"
