"""Writes small Parquet files as copies of HAM10000 at Hugging Face have them.

pkg/skinattn/ham10000/convert/testdata: spelt_out.parquet has the columns of
marmal88/skin_cancer, its spelt-out diagnoses and a photo in two rows; labels.parquet has
photos with paths, and labels by number, whose names stand in the description that the
library datasets writes. The photos are flat rectangles.
"""

import io
import json
import pathlib

import pyarrow
import pyarrow.parquet
from PIL import Image

folder = pathlib.Path(__file__).parents[3] / "pkg/skinattn/ham10000/convert/testdata"
image_type = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def photo(grey, form):
    out = io.BytesIO()
    Image.new("RGB", (8, 6), (grey, 10, 200)).save(out, form)
    return out.getvalue()


def write(name, schema, rows, about=None):
    if about:
        schema = schema.with_metadata({"huggingface": json.dumps({"info": about})})
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    pyarrow.parquet.write_table(table, folder / name, compression="snappy", row_group_size=2)


text = pyarrow.string()
columns = ["image_id", "lesion_id", "dx", "dx_type", "age", "sex", "localization"]
rows = [
    ("ISIC_0024306", "HAM_0000550", "melanocytic_Nevi", "follow_up", 45.0, "male", "trunk"),
    ("ISIC_0024307", "HAM_0003577", "benign_keratosis-like_lesions", "histo", None, "unknown", "lower extremity"),
    ("ISIC_0024308", "HAM_0001477", "actinic_keratoses", "histo", 55.0, "male", "face"),
    ("ISIC_0024306", "HAM_0000550", "melanocytic_Nevi", "follow_up", 45.0, "male", "trunk"),
    ("ISIC_0024309", "HAM_0000484", "vascular_lesions", "consensus", 40.0, "female", "back"),
]
write(
    "spelt_out.parquet",
    pyarrow.schema([("image", image_type)] + [(c, pyarrow.float64() if c == "age" else text) for c in columns]),
    [
        {"image": {"bytes": photo(i + (i == 3), "WEBP" if i == 2 else "PNG"), "path": None}, **dict(zip(columns, row))}
        for i, row in enumerate(rows)
    ],
)

names = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
write(
    "labels.parquet",
    pyarrow.schema([("image", image_type), ("label", pyarrow.int64())]),
    [
        {"image": {"bytes": photo(40, "JPEG"), "path": "ISIC_0024306.jpg"}, "label": 5},
        {"image": {"bytes": photo(50, "JPEG"), "path": "images/isic_0024310.jpg"}, "label": 4},
    ],
    {"features": {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}},
)
