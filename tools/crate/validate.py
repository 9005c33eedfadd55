"""Validates RO-Crates of 'skinattn export --ro-crate' and CITATION.cff with public tools.

    python3 -m venv venv && venv/bin/pip install -r tools/crate/requirements.txt
    venv/bin/python tools/crate/validate.py [--contexts DIR] CRATE...

A crate is validated against RO-Crate 1.2 and against Process Run Crate 0.5. What these require must hold, and all
recommendations that do not are listed. Two recommendations are known not to hold, see docs/ro-crate.md.

The validator fetches JSON-LD contexts from w3id.org. Without a network, --contexts names a folder with the two files of
https://github.com/ResearchObject/ro-crate, docs/_specification/VERSION/context.jsonld, as 1.1.jsonld and 1.2.jsonld.
"""

import argparse
import io
import pathlib
import subprocess
import sys
import tempfile

import requests
import requests_cache

PROFILES = ["ro-crate-1.2", "process-run-crate-0.5"]


class Files(requests.adapters.BaseAdapter):
    """Answers requests for contexts from a folder."""

    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)

    def send(self, request, **_):
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        version = request.url.split("/")[-2]
        content = (self.folder / f"{version}.jsonld").read_bytes()
        import urllib3
        response.raw = urllib3.HTTPResponse(io.BytesIO(content), status=200, headers=response.headers, preload_content=False)
        return response

    def close(self):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts")
    parser.add_argument("crates", nargs="*")
    options = parser.parse_args()
    bin = pathlib.Path(sys.executable).parent
    failed = subprocess.run([bin / "cffconvert", "--validate", "-i", pathlib.Path(__file__).parents[2] / "CITATION.cff"]).returncode
    with tempfile.TemporaryDirectory() as folder:
        cache = ["--cache-path", f"{folder}/cache"]
        if options.contexts:
            session = requests_cache.CachedSession(f"{folder}/cache", backend="sqlite", expire_after=-1, allowable_methods=("GET",))
            session.mount("https://", Files(options.contexts))
            for version in ["1.1", "1.2"]:
                session.get(f"https://w3id.org/ro/crate/{version}/context").raise_for_status()
            session.close()
            cache.append("--offline")
        for crate in options.crates:
            for profile in PROFILES:
                for severity in ["required", "recommended"]:
                    print(f"== {crate}: {profile}, {severity}", flush=True)
                    code = subprocess.run(
                        [bin / "rocrate-validator", "-y", "--disable-color", "validate", "-p", profile, "-l", severity, "--skip-availability-check", "-v", *cache, crate]
                    ).returncode
                    failed |= severity == "required" and code
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
