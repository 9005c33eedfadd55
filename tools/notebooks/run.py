"""Runs notebooks from beginning to end and writes each as HTML.

Called by scripts/notebooks.sh run. A cell that fails, or that does not show what
its tags promise, makes the exit status 1; the HTML is written all the same, up
to that cell.
"""

import argparse
import base64
import html
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter

# What a cell with the tag must show: a picture, a table, or lines of text.
SHOWS = {
    "shows-figure": lambda output: "<img" in page_of(output),
    "shows-table": lambda output: "<table" in page_of(output),
    "shows-text": lambda output: output.output_type == "stream" and output.name == "stdout" and output.text.strip(),
}

TOOLS = Path(__file__).resolve().parent
PICTURE = re.compile(r'<img alt="([^"]*)"[^>]*? src="data:([^;"]+);base64,([^"]*)"[^>]*>')


def page_of(output):
    return output.get("data", {}).get("text/html", "")


def patients_photos():
    """Whether the data may be photos of patients: a folder is named, and package synthetic did not make it."""
    folder = os.environ.get("SKINATTN_DATA")
    return bool(folder) and not (Path(folder) / "synthetic.json").exists()


def without_photo(match):
    """Is a picture, unless it may be a photo: then a line in its place."""
    alt, kind, content = match.groups()
    if kind == "image/svg+xml" and b"<image" not in base64.b64decode(content):
        return match.group()
    return f'<div class="left-out">left out here: {alt or "a photo"}</div>'


def publishable(notebook):
    """Takes from the outputs what is of this machine alone, and photos of patients."""
    folders = {os.environ.get(name, ""): "$" + name for name in ("SKINATTN_DATA", "SKINATTN_WORK", "SKINATTN_WEIGHTS", "XDG_CACHE_HOME")}
    folders |= {str(TOOLS.parent.parent): "skinattn", str(Path.home()): "~"}
    folders = sorted(((folder, name) for folder, name in folders.items() if folder), key=lambda f: -len(f[0]))

    def change(text, photos):
        for folder, name in folders:
            text = text.replace(html.escape(folder) if photos else folder, name)
        return PICTURE.sub(without_photo, text) if photos and patients_photos() else text

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = change(output.text, False)
            for kind in output.get("data", {}):
                output.data[kind] = change(output.data[kind], kind == "text/html")


def missing(notebook):
    """Names the cells that do not show what their tags promise."""
    for number, cell in enumerate(notebook.cells, 1):
        for tag in cell.metadata.get("tags", []):
            if tag in SHOWS and not any(SHOWS[tag](output) for output in cell.outputs):
                yield f"cell {number} has the tag {tag} but does not"


def failure(notebook):
    """Says which cell failed and what it wrote to standard error."""
    for number, cell in enumerate(notebook.cells, 1):
        outputs = cell.get("outputs", [])
        if any(output.output_type == "error" for output in outputs):
            said = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
            said += [output.evalue for output in outputs if output.output_type == "error"]
            return f"cell {number} failed: " + "\n".join(said).strip()
    return None


def execute(path):
    """Runs one notebook; returns it, what is wrong with it or None, and whether its kernel died."""
    notebook = nbformat.read(path, as_version=4)
    os.environ.setdefault("SKINATTN_LIVE", "off")  # nobody moves the controls of live cells
    client = NotebookClient(notebook, timeout=None, startup_timeout=120,
                            extra_arguments=["-raw_error=true"],  # compiler errors as text, not as HTML
                            resources={"metadata": {"path": str(path.parent)}})
    with tempfile.TemporaryFile("w+") as log:
        try:
            client.execute(stderr=log)  # the kernel's chatter
            return notebook, "; ".join(missing(notebook)) or None, False
        except CellExecutionError as error:
            return notebook, failure(notebook) or str(error), False
        except NoSuchKernel as error:
            return notebook, str(error), False
        except (DeadKernelError, RuntimeError, AssertionError) as error:  # the last: nbclient, cleaning up after a dead one
            log.seek(0)
            return notebook, f"the kernel died: {error}\n{log.read()}", True


def run(path, out, publish):
    """Runs one notebook, again if its kernel dies; returns what is wrong with it, or None."""
    notebook, wrong, died = execute(path)
    if died:
        print(f"{path.stem}: {wrong}\nonce more", file=sys.stderr, flush=True)
        notebook, wrong, _ = execute(path)
    if publish:
        publishable(notebook)
    language = notebook.metadata.get("language_info", {})
    if not language.get("pygments_lexer"):  # GoNB's is empty, which nbconvert takes for Python
        language.pop("pygments_lexer", None)
    # Nothing in the page is fetched from elsewhere.
    exporter = HTMLExporter(template_name="lean", extra_template_basedirs=[str(TOOLS)])
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    if publish and patients_photos() and re.search(r"data:image/(?!svg)", page):
        raise SystemExit(f"{path.stem} shows a picture that can't be told from a photo of a patient: show it with package nb")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{path.stem}.html").write_text(page, encoding="utf-8")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--publish", action="store_true", help="for docs/notebooks: no folders of this machine, no photos of patients")
    parser.add_argument("notebooks", type=Path, nargs="+")
    args = parser.parse_args()
    failed = 0
    for path in args.notebooks:
        start = time.monotonic()
        print(f"{path.stem} ...", end=" ", flush=True)
        wrong = run(path, args.out, args.publish)
        print(f"{'failed' if wrong else 'ok'} after {time.monotonic() - start:.0f} s: {args.out / path.stem}.html", flush=True)
        if wrong:
            failed += 1
            print(f"{path.stem}: {wrong}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
