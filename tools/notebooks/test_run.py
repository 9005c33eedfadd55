"""Tests of run.py: python -m unittest discover -s tools/notebooks, in the environment of scripts/notebooks.sh."""

import base64
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from nbformat import v4

import run


def picture(content, kind="image/svg+xml", alt="a figure"):
    return f'<img alt="{alt}" width="9" src="data:{kind};base64,{base64.b64encode(content.encode()).decode()}">'


def notebook(*outputs, tags=()):
    cell = v4.new_code_cell("%%", outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    return v4.new_notebook(cells=[cell])


def page(content):
    return v4.new_output("display_data", {"text/html": content})


class Published(unittest.TestCase):
    drawn = picture("<svg><path/></svg>")
    photo = picture("<svg><image href='data:image/png;base64,AA=='/></svg>", alt="lesions & masks")

    def publish(self, *outputs, data="/photos/ham"):
        made = notebook(*outputs)
        with mock.patch.dict(os.environ, {"SKINATTN_DATA": data, "SKINATTN_WORK": "/photos/ham/work"}):
            run.publishable(made)
        return made.cells[0].outputs

    def test_leaves_photos_out(self):
        png = picture("bytes", kind="image/png", alt="a photo of a patient")
        shown = self.publish(page(self.drawn + self.photo + png))[0].data["text/html"]
        self.assertEqual(shown, self.drawn + '<div class="left-out">left out here: lesions & masks</div>'
                                             '<div class="left-out">left out here: a photo of a patient</div>')

    def test_keeps_synthetic_pictures(self):
        self.assertEqual(self.publish(page(self.photo), data="")[0].data["text/html"], self.photo)
        with tempfile.TemporaryDirectory() as data:
            self.assertIn("left out here", self.publish(page(self.photo), data=data)[0].data["text/html"])
            Path(data, "synthetic.json").write_text("{}")
            self.assertEqual(self.publish(page(self.photo), data=data)[0].data["text/html"], self.photo)

    def test_colours_go(self):
        made = v4.new_notebook(cells=[v4.new_code_cell("func f() {}")])
        made.metadata["language_info"] = {"name": "go", "pygments_lexer": ""}  # as GoNB answers
        with tempfile.TemporaryDirectory() as out, mock.patch.object(run, "execute", return_value=(made, None, False)):
            run.run(Path("00_start.ipynb"), Path(out), publish=True)
            self.assertIn('<span class="kd">func</span>', Path(out, "00_start.html").read_text())

    def test_leaves_folders_out(self):
        text, table = self.publish(v4.new_output("stream", name="stdout", text=f"/photos/ham/work/a and /photos/ham/b in {Path.home()}/c"),
                                   page("<td>/photos/ham/work/a</td>"))
        self.assertEqual(text.text, "$SKINATTN_WORK/a and $SKINATTN_DATA/b in ~/c")
        self.assertEqual(table.data["text/html"], "<td>$SKINATTN_WORK/a</td>")

    def test_stops_at_what_may_be_a_photo(self):
        made = notebook(v4.new_output("display_data", {"image/png": base64.b64encode(b"bytes").decode()}))
        with tempfile.TemporaryDirectory() as out, mock.patch.dict(os.environ, {"SKINATTN_DATA": "/photos/ham"}), \
                mock.patch.object(run, "execute", return_value=(made, None, False)):
            with self.assertRaisesRegex(SystemExit, "can't be told from a photo"):
                run.run(Path("00_start.ipynb"), Path(out), publish=True)
            self.assertEqual(list(Path(out).iterdir()), [])


class Promises(unittest.TestCase):
    def test_names_the_cell_that_shows_nothing(self):
        text = v4.new_output("stream", name="stdout", text="done")
        for tag, output, kept in [("shows-figure", page(picture("<svg/>")), True), ("shows-figure", text, False),
                                  ("shows-table", page("<table></table>"), True), ("shows-table", page("<p>none</p>"), False),
                                  ("shows-text", text, True), ("shows-text", page("<p>done</p>"), False)]:
            wrong = list(run.missing(notebook(output, tags=[tag])))
            self.assertEqual(wrong, [] if kept else [f"cell 1 has the tag {tag} but does not"], msg=tag)

    def test_failure_has_what_the_cell_said(self):
        error = v4.new_output("error", ename="ERROR", evalue="exit status 1", traceback=[])
        said = v4.new_output("stream", name="stderr", text="no such run")
        self.assertEqual(run.failure(notebook(said, error)), "cell 1 failed: no such run\nexit status 1")
        self.assertIsNone(run.failure(notebook(said)))


if __name__ == "__main__":
    unittest.main()
