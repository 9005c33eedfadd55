#!/usr/bin/env bash
# roc-validator 0.13.0: a crate of RO-Crate 1.2 can't be valid for the profile Process Run Crate 0.5 unless its metadata
# descriptor also claims RO-Crate 1.1, although RO-Crate 1.2 recommends a single version there.
#
# The validator's profile is declared on top of its RO-Crate 1.1 (prof:isTransitiveProfileOf), whose shape for the
# descriptor has sh:hasValue <https://w3id.org/ro/crate/1.1>. `validate -p process-run-crate-0.5` therefore fails with
# "MUST have a `conformsTo` property with the RO-Crate specification version" for a descriptor that names 1.2.
# The script takes both files from the package and applies the shape, with pySHACL, to a descriptor of each kind; no
# context is fetched from w3id.org. Way out: name both versions.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check roc-validator==0.13.0 pyshacl==0.40.1 rdflib==7.6.0
"$dir/venv/bin/python" - <<'PY'
import pathlib
import sys

import rdflib
import pyshacl
import rocrate_validator

profiles = pathlib.Path(rocrate_validator.__file__).parent / "profiles"
declared = (profiles / "process-run-crate" / "profile.ttl").read_text()
base = "isTransitiveProfileOf <https://w3id.org/ro/crate/1.1>"
print("process-run-crate 0.5:", base if base in declared else "is no longer based on 1.1")

shapes = rdflib.Graph().parse(profiles / "ro-crate" / "1.1" / "must" / "1_file-descriptor_metadata.ttl")
SH, DCT = rdflib.Namespace("http://www.w3.org/ns/shacl#"), rdflib.Namespace("http://purl.org/dc/terms/")


def demands(*versions):
    """Whether the shape misses a version in a descriptor that names these."""
    named = ", ".join(f"<https://w3id.org/ro/crate/{v}>" for v in versions)
    data = rdflib.Graph().parse(format="turtle", data=f"""
        @prefix schema: <http://schema.org/> . @prefix dct: <http://purl.org/dc/terms/> .
        @prefix ro-crate: <https://github.com/crs4/rocrate-validator/profiles/ro-crate/> .
        <file:///crate/ro-crate-metadata.json> a schema:CreativeWork, ro-crate:ROCrateMetadataFileDescriptor ;
            schema:about <file:///crate/> ; dct:conformsTo {named} .
        <file:///crate/> a schema:Dataset .""")
    _, results, _ = pyshacl.validate(data, shacl_graph=shapes, advanced=True)
    return (None, SH.resultPath, DCT.conformsTo) in results


found = {"1.1": demands("1.1"), "1.2": demands("1.2"), "1.1 and 1.2": demands("1.1", "1.2")}
for versions, wrong in found.items():
    print(f"conformsTo {versions}:", "refused" if wrong else "accepted")
if base not in declared or found != {"1.1": False, "1.2": True, "1.1 and 1.2": False}:
    print("CHANGED")
    sys.exit(1)
PY
