#!/usr/bin/env bash
# rocrate 0.16.0 (ro-crate-py): a crate that is read and written again loses the definitions of its own terms.
#
# RO-Crate lets a crate define terms beyond its vocabulary, by further entries of "@context". Here "dice" is
# https://example.org/terms#dice, and the file a.csv has "dice": .9.
# Seen: ROCrate(source).write(out) keeps "dice": .9 and writes the context of RO-Crate alone, in which no term of that name
# exists, so that readers of JSON-LD drop the value. There is neither an error nor a warning. The version, 1.2, is kept.
# Way out: crate.metadata.extra_contexts.append(...) after reading, before write.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rocrate==0.16.0
cat > main.py <<'PY'
import json
import pathlib

from rocrate.rocrate import ROCrate

source, name = pathlib.Path("source"), "ro-crate-metadata.json"
context, terms = "https://w3id.org/ro/crate/1.2/context", {"dice": "https://example.org/terms#dice"}
source.mkdir()
(source / "a.csv").write_text("a\n1\n")
(source / name).write_text(json.dumps({"@context": [context, terms], "@graph": [
    {"@id": name, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": "https://w3id.org/ro/crate/1.2"}},
    {"@id": "./", "@type": "Dataset", "name": "a crate", "description": "with a file", "datePublished": "2026-01-01",
     "license": {"@id": "https://spdx.org/licenses/CC0-1.0"}, "hasPart": [{"@id": "a.csv"}]},
    {"@id": "a.csv", "@type": "File", "name": "a table", "dice": 0.9}]}))


def written(change, out):
    crate = ROCrate(source)
    change(crate)
    crate.write(out)
    text = json.loads(pathlib.Path(out, name).read_text())
    value = next(e for e in text["@graph"] if e["@id"] == "a.csv")["dice"]
    print(out + ":", text["@context"], "dice:", value)
    return text["@context"], value


plain = written(lambda crate: None, "read and written")
mended = written(lambda crate: crate.metadata.extra_contexts.append(terms), "with the way out")
raise SystemExit(plain != (context, 0.9) or mended != ([context, terms], 0.9))
PY
venv/bin/python -W error::UserWarning main.py
