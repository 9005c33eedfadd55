#!/usr/bin/env bash
# cffconvert 2.0.0 calls a CITATION.cff valid that says something else than its author meant:
# - `version: 1.10` without quotes is a YAML number; it passes, and the CodeMeta file gets version 1.1;
# - an ORCID with a wrong check digit passes (a date of 31 February does not);
# - preferred-citation, which GitHub shows in place of the software, passes and is left out of BibTeX.
# Way out: quote versions, check ORCIDs by ISO 7064 MOD 11-2, and list a paper under references if the software is what
# is to be cited.
# Exits with 0 while that is so, and with 1 when it changes.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check cffconvert==2.0.0 'setuptools<81'
cd "$dir"
# convert FORMAT LINE...: a minimal file with these lines, converted. It fails if the file is not valid.
convert() {
  local format=$1; shift
  printf '%s\n' 'cff-version: 1.2.0' 'message: m' 'title: program' "$@" > CITATION.cff
  venv/bin/cffconvert --validate > said 2>&1 || { tail -1 said; return 1; }
  venv/bin/cffconvert -f "$format"
}
changed=0
expect() { if [ "$1" = "$2" ]; then echo "$3"; else echo "CHANGED: $3"; changed=1; fi; }

version=$(convert codemeta 'authors: [{name: a}]' 'version: 1.10' | grep -c '"version": 1.1$' || true)
expect "$version" 1 'version: 1.10 is valid, and becomes 1.1'
quoted=$(convert codemeta 'authors: [{name: a}]' 'version: "1.10"' | grep -c '"version": "1.10"' || true)
expect "$quoted" 1 'the control: version: "1.10" stays'
orcid=$(convert bibtex 'authors: [{family-names: a, orcid: "https://orcid.org/0000-0002-1825-0098"}]' > /dev/null && echo valid || echo refused)
expect "$orcid" valid 'an ORCID with a wrong check digit (8 for 7) is valid'
date=$(convert bibtex 'authors: [{name: a}]' 'date-released: "2026-02-31"' > /dev/null && echo valid || echo refused)
expect "$date" refused 'the control: 31 February is refused'
paper=$(convert bibtex 'authors: [{name: a}]' 'preferred-citation: {type: article, title: paper, authors: [{family-names: b}], journal: j, year: 2022}')
expect "$(grep -c paper <<< "$paper" || true)$(grep -c program <<< "$paper" || true)" 01 'preferred-citation is valid, and BibTeX cites the program alone'
exit $changed
