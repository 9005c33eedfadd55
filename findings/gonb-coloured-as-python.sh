#!/usr/bin/env bash
# GoNB 0.11.5, the Go kernel for Jupyter: nbconvert 7.17.2 colours the Go of a notebook that it runs as IPython.
#
# The notebook file says {"language_info": {"name": "go"}}, and nbconvert colours `func` as a keyword of Go. Whoever runs the
# notebook (nbclient, nbconvert --execute, JupyterLab's "save") writes the kernel's own answer over it, and GoNB answers
# {"name": "go", ..., "pygments_lexer": ""}. The empty text is taken for a name, which nbconvert then replaces with ipython3,
# although pygments knows "go". Keywords such as func and type stay plain, and import and for look like Python's.
# Way out: remove pygments_lexer, or set it to "go", before the export.
# Needs go and python3. Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nbconvert==7.17.2 jupyter_client==8.10.0 nbformat==5.10.4
printf 'module kernel\ngo 1.26\n' > go.mod
go get -tool github.com/janpfeifer/gonb@v0.11.5 2> /dev/null
go build -o gonb github.com/janpfeifer/gonb
mkdir -p share/jupyter/kernels/gonb
cat > share/jupyter/kernels/gonb/kernel.json <<JSON
{"argv": ["$dir/gonb", "--kernel", "{connection_file}"], "display_name": "Go", "language": "go"}
JSON
cat > main.py <<'PY'
import re

from jupyter_client.manager import start_new_kernel
from nbconvert import HTMLExporter
from nbformat import v4

manager, client = start_new_kernel(kernel_name="gonb")
answer = client.kernel_info(reply=True, timeout=60)["content"]["language_info"]
client.stop_channels()
manager.shutdown_kernel(now=True)
print("GoNB answers:", answer)
said = {"in the file": {"name": "go"}, "as GoNB answers": answer, "without pygments_lexer": {k: v for k, v in answer.items() if k != "pygments_lexer"}}
seen = {}
for what, info in said.items():
    notebook = v4.new_notebook(cells=[v4.new_code_cell("func one() int { return 1 }")], metadata={"language_info": info})
    page, _ = HTMLExporter().from_notebook_node(notebook)
    seen[what] = re.search(r"highlight hl-(\w+)", page).group(1)
    print(what + ":", seen[what])
raise SystemExit(seen != {"in the file": "go", "as GoNB answers": "ipython3", "without pygments_lexer": "go"})
PY
JUPYTER_PATH=$dir/share/jupyter JUPYTER_RUNTIME_DIR=$dir/runtime venv/bin/python main.py 2> log || { tail -3 log; exit 1; }
