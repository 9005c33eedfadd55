#!/usr/bin/env bash
# Sets up and runs the notebooks: JupyterLab in a Python environment of its own,
# and GoNB, a Jupyter kernel for Go, whose cells import this repository's packages
# as they are on disk. `notebooks.sh --help` says how.
#
# Everything lies in this repository's folders .venv-notebooks and bin; removing
# them undoes all of it. Can be run again at any time: what is there and right is
# kept. The network is needed for the first setup only.
set -euo pipefail

GOPLS=golang.org/x/tools/gopls@v0.20.0 # the newest that Go 1.26 builds and GoNB understands
PYTHON_MIN=3.11                        # of the pinned packages

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${SKINATTN_NOTEBOOKS_ENV:-$repo/.venv-notebooks}
bin=$repo/bin
requirements=$repo/tools/notebooks/requirements.txt
compiler=$repo/tools/notebooks/compiler.txt
jupyter_data=$venv/share/jupyter # Jupyter looks there by itself when started from $venv

usage() {
	cat <<'TEXT'
Usage: scripts/notebooks.sh COMMAND

  setup                       install JupyterLab and the Go kernel (240 MB, once;
                              100 MB more without a C compiler)
  lab [JUPYTERLAB-OPTION...]  open JupyterLab on the notebooks
  run [--out DIR] [--publish] [NAME...]
                              run notebooks (all unless named, such as
                              00_start) without a browser, write each as HTML
                              into DIR (runs/notebooks unless given); fails on any
                              error. --publish: pages for docs/notebooks, without
                              folders of this machine and photos of patients
  clean                       remove the data and training runs that notebooks made
                              and share (SKINATTN_WORK)
  strip                       remove the outputs from the notebooks in place
  filter                      let git remove the outputs from what it commits, in
                              this clone

lab and run do the setup first where it is missing.

  SKINATTN_DATA           a HAM10000 folder: the notebooks then use real images
  SKINATTN_SCALE          demo (seconds a step, the default) or full
  SKINATTN_WORK           folder for what notebooks make, in the user's cache
                          folder unless given
  SKINATTN_NOTEBOOKS_ENV  folder for the Python environment, .venv-notebooks
                          in the repository unless given
  PYTHON                  the Python to make it from, python3 unless given
TEXT
}

fail() {
	echo "notebooks.sh: $*" >&2
	exit 1
}

# quietly runs a command and shows what it said only if it fails.
quietly() {
	local said
	said=$("$@" 2>&1) || {
		printf '%s\n' "$said" >&2
		return 1
	}
}

require_go() {
	command -v go >/dev/null || fail "Go is missing: install it from https://go.dev/dl and put it on the PATH"
}

# c_compiler gives Go a C compiler, which XLA's binding is built with, where the
# system has none: Zig's, a Python package with the C library's headers in it.
c_compiler() {
	if command -v "$(go env CC | cut -d' ' -f1)" >/dev/null; then return; fi
	if ! "$venv/bin/python" -c 'import ziglang' 2>/dev/null; then
		echo "no C compiler: installing Zig's into $venv (100 MB)" >&2
		quietly "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$compiler" ||
			fail "installing a C compiler failed: see above; or install one yourself (on Debian: gcc and libc6-dev)"
	fi
	export CC="'$venv/bin/python' -m ziglang cc" CGO_ENABLED=1
}

# installed says whether the Python environment is there and as pinned.
installed() {
	"$venv/bin/python" -c '' 2>/dev/null && cmp -s "$requirements" "$venv/requirements.txt"
}

python_environment() {
	if installed; then return; fi
	local python=${PYTHON:-python3}
	command -v "$python" >/dev/null || fail "$python is missing: install Python $PYTHON_MIN or newer (on Debian: python3 and python3-venv), or name one in \$PYTHON"
	"$python" -c "import sys; sys.exit(sys.version_info < (${PYTHON_MIN/./, }))" ||
		fail "$python is $("$python" -V): the notebooks need Python $PYTHON_MIN or newer; name one in \$PYTHON"
	"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python can't make environments: install its venv module (on Debian: python3-venv)"
	echo "installing JupyterLab into $venv" >&2
	quietly "$python" -m venv --clear "$venv" || fail "making the Python environment $venv failed"
	echo '*' >"$venv/.gitignore"
	quietly "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$requirements" ||
		fail "installing the Python packages failed: see above; a network is needed the first time"
	cp "$requirements" "$venv/requirements.txt" # last: it says that all is there
}

# lab_settings has what JupyterLab shall do otherwise than by itself: ask nobody
# for news, nor its reader whether it may, and wait for completion, whose first
# answer takes as long as gopls needs to read the packages.
lab_settings() {
	mkdir -p "$jupyter_data/lab/settings"
	cat >"$jupyter_data/lab/settings/overrides.json" <<'JSON'
{
  "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false},
  "@jupyterlab/completer-extension:manager": {"providerTimeout": 60000}
}
JSON
}

go_tools() {
	require_go
	mkdir -p "$bin"
	cd "$repo"
	# Both at the versions in tools/go.mod.
	quietly go build -modfile=tools/go.mod -o "$bin/gonb" github.com/janpfeifer/gonb || fail "building the Go kernel failed"
	quietly go build -modfile=tools/go.mod -o "$bin/goimports" golang.org/x/tools/cmd/goimports || fail "building goimports failed"
	local have
	have=$("$bin/gopls" version 2>/dev/null | awk 'NR == 1 { print $1 "@" $2 }') || true
	if [ "$have" != "$GOPLS" ]; then
		echo "building gopls" >&2
		GOBIN=$bin quietly go install "$GOPLS" || echo "notebooks.sh: warning: gopls could not be built: notebooks work, but without completion and help" >&2
	fi
	# A first build of what the cells import takes minutes: not while a reader waits.
	echo "building the packages" >&2
	quietly go build ./pkg/... github.com/janpfeifer/gonb/gonbui || fail "building the packages failed"
}

# kernel makes GoNB known to the Jupyter in the environment, with a go.work that
# names this repository, and with the Go tools on its PATH whatever starts it.
# Cells are built with the C compiler that was found here, and without debugging
# information, which makes building one take half as long again or more.
kernel() {
	JUPYTER_DATA_DIR=$jupyter_data PATH=$bin:$PATH quietly "$bin/gonb" --install -force_deps -go_work="$repo" ||
		fail "installing the Go kernel failed"
	"$venv/bin/python" - "$jupyter_data/kernels/gonb/kernel.json" "$bin:$(dirname "$(command -v go)")" "$(go env GOFLAGS)" "$repo/scripts/notebooks.sh" <<'PYTHON'
import json, os, sys
path, tools, flags, script = sys.argv[1:]
with open(path) as f:
    spec = json.load(f)
if "kernel" not in spec["argv"]:  # completion is warmed first
    spec["argv"] = ["bash", script, "kernel", *spec["argv"]]
spec["env"]["PATH"] = tools + ":${PATH}"
spec["env"]["GOFLAGS"] = f"{flags} -ldflags=-w".strip()
spec["env"] |= {name: os.environ[name] for name in ("CC", "CGO_ENABLED") if name in os.environ}
with open(path, "w") as f:
    json.dump(spec, f, indent=2)
PYTHON
}

# warm lets gopls read what the cells import, in the background and behind all else: its
# first answer takes as long as that. It keeps what it has read in the user's cache
# folder, where the kernel's gopls finds it.
warm() {
	[ -x "$bin/gopls" ] || return 0
	(
		dir=$(mktemp -d)
		trap 'rm -rf "$dir"' EXIT
		cd "$dir"
		printf 'module warm\n\ngo %s\n' "$(go env GOVERSION | sed 's/^go//; s/[^0-9.].*//')" >go.mod
		go work init . "$repo"
		{
			echo 'package main'
			grep -ohE '"\\t([a-z_]+ )?\\"[a-z][^"\\ ]*\\"\\n"' "$repo"/notebooks/*.ipynb | sed -E 's/^"\\t([a-z_]+ )?\\"([^\\]*)\\"\\n"/import _ "\2"/' | sort -u
			echo 'func main() {}'
		} >main.go
		nice -n 19 "$bin/gopls" check main.go
	) >/dev/null 2>&1 </dev/null &
}

setup() {
	require_go
	python_environment
	c_compiler
	lab_settings
	go_tools
	kernel
}

ready() {
	require_go
	if ! installed || [ ! -x "$bin/gonb" ] || [ ! -x "$bin/goimports" ] || [ ! -f "$jupyter_data/kernels/gonb/kernel.json" ]; then
		setup
	fi
}

# kernel_process becomes the kernel; what follows is its command. With nobody at the
# keyboard nothing is completed.
kernel_process() {
	[ "${SKINATTN_LIVE-}" = off ] || warm
	exec "$@"
}

run() {
	local out=$repo/runs/notebooks name paths=() options=()
	while [ $# -gt 0 ]; do
		case $1 in
		--out)
			[ $# -gt 1 ] || fail "--out needs a folder"
			mkdir -p "$2"
			out=$(cd "$2" && pwd)
			shift
			;;
		--publish) options+=(--publish) ;;
		-*) fail "run has no option $1; --help lists them" ;;
		*)
			name=$(basename "$1" .ipynb)
			[ -f "$repo/notebooks/$name.ipynb" ] || fail "there is no notebook $name in $repo/notebooks"
			paths+=("$repo/notebooks/$name.ipynb")
			;;
		esac
		shift
	done
	[ ${#paths[@]} -gt 0 ] || paths=("$repo"/notebooks/*.ipynb)
	ready
	exec "$venv/bin/python" "$repo/tools/notebooks/run.py" --out "$out" ${options[@]+"${options[@]}"} "${paths[@]}"
}

command=${1:---help}
[ $# -eq 0 ] || shift
case $command in
setup) setup ;;
lab)
	ready
	cd "$repo/notebooks"
	exec "$venv/bin/jupyter" lab "$@"
	;;
run) run "$@" ;;
kernel) kernel_process "$@" ;; # kernel.json has it
clean) rm -rf "${SKINATTN_WORK:-${XDG_CACHE_HOME:-$HOME/.cache}/skinattn/notebooks}"/{synthetic,real}-{demo,full} ;;
strip)
	ready
	exec "$venv/bin/nbstripout" "$repo"/notebooks/*.ipynb
	;;
filter)
	ready
	cd "$repo"
	exec "$venv/bin/nbstripout" --install --python "$venv/bin/python"
	;;
-h | --help | help) usage ;;
*) fail "there is no command $command; --help lists them" ;;
esac
