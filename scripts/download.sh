#!/usr/bin/env bash
# Fetches HAM10000 from Harvard Dataverse (doi:10.7910/DVN/DBW86T), verifies it
# and lays it out as a HAM10000 folder. `download.sh --help` says how.
#
# Needs bash 3.2 or newer, curl and unzip. A download that stops goes on where it
# stopped when the script is run again; what is there and verified is not
# fetched again. Nothing appears in the data folder before it is verified:
# everything unfinished lies in its subfolder .download.
set -euo pipefail

DATAVERSE=https://dataverse.harvard.edu
DOI=doi:10.7910/DVN/DBW86T
ATTEMPTS=6       # for each file, while the network or the server fails
FIRST_DELAY=2    # seconds before the second attempt, doubled before each further one
STALL_SECONDS=60 # a transfer that stands still for so long counts as failed

# The files: Dataverse's number, bytes, MD5 as Dataverse publishes it for version
# 4.0 of the data set, number of pictures or table rows, name. A "-" is not
# pinned: the MD5 is then asked of Dataverse at run time. For the two tables it
# is the MD5 of the original, which ?format=original gives.
files() {
	cat <<'TABLE'
4338392 690218     8f85fb1aa29d80a2797247e434deb79d 10015 HAM10000_metadata.csv
3172585 1366522108 4639bfa73ab251610530a97c898e6e46 5000  HAM10000_images_part_1.zip
3172584 1403566547 da43d6cc50f6613013be07e8986b384b 5015  HAM10000_images_part_2.zip
3838943 10808743   6e8d252e09cfdb0189199f15985a5b84 10015 HAM10000_segmentations_lesion_tschandl.zip
3855824 -          0488b6f65849e310857d9207daa55a21 1511  ISIC2018_Task3_Test_Images.zip
6924466 -          -                                1512  ISIC2018_Task3_Test_GroundTruth.csv
TABLE
}

usage() {
	cat <<'TEXT'
Usage: scripts/download.sh [options] [FOLDER]

Fetches HAM10000 (2.8 GB) into FOLDER, data/ham10000 unless given.

  --yes            accept the licence (asked for otherwise)
  --only-metadata  the metadata table only (0.7 MB)
  --with-test      also the official ISIC 2018 Task 3 test images with their
                   table (0.4 GB), into the folder isic2018_test beside FOLDER
  --keep-archives  keep the zip files (FOLDER/.download) after unpacking
  --help           this text

SKINATTN_MIRROR: address of a web folder with the same files under the same
names, used in place of Dataverse; what it gives is verified all the same.
Proxies are taken from curl's variables (https_proxy, no_proxy, ...).
TEXT
}

licence() {
	cat <<'TEXT'
HAM10000 is licensed CC BY-NC 4.0 (https://creativecommons.org/licenses/by-nc/4.0/):
non-commercial use, with attribution:
  P. Tschandl, C. Rosendahl, H. Kittler: The HAM10000 dataset, a large collection of
  multi-source dermatoscopic images of common pigmented skin lesions. Scientific
  Data 5, 180161 (2018). https://doi.org/10.1038/sdata.2018.161
  (ViDIR Group, Department of Dermatology, Medical University of Vienna)
The lesion masks: P. Tschandl et al., Nature Medicine 26, 1229 (2020),
  https://doi.org/10.1038/s41591-020-0942-0
TEXT
}

say() { printf '%s\n' "download.sh: $*" >&2; }
die() {
	say "$*"
	exit 1
}
misuse() {
	say "$*; see --help"
	exit 2
}

# ---- small portable helpers (GNU and BSD) ----

md5_of() {
	if command -v md5sum >/dev/null; then
		md5sum <"$1" | cut -c1-32
	elif command -v md5 >/dev/null; then
		md5 -q "$1"
	else
		openssl dgst -md5 -r "$1" | cut -c1-32
	fi
}

bytes_of() { if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }

# field NUMBER NAME: one field of the files table.
field() { files | awk -v name="$2" -v n="$1" '$5 == name { print $n }'; }

# ---- fetching ----

# published_md5 ID: what Dataverse says the MD5 of that file is, or nothing.
published_md5() {
	curl -fsSL --connect-timeout 30 --max-time 120 "$DATAVERSE/api/datasets/:persistentId/?persistentId=$DOI" 2>/dev/null |
		tr -d ' \t\r\n' | tr '{' '\n' |
		grep -A1 "^\"id\":$1," | grep -oE '"(md5|value)":"[0-9a-f]{32}"' | head -n 1 | grep -oE '[0-9a-f]{32}' || true
}

url_of() { # NAME
	if [ -n "${SKINATTN_MIRROR:-}" ]; then
		echo "${SKINATTN_MIRROR%/}/$1"
		return
	fi
	case $1 in
	*.csv) echo "$DATAVERSE/api/access/datafile/$(field 1 "$1")?format=original" ;;
	*) echo "$DATAVERSE/api/access/datafile/$(field 1 "$1")" ;;
	esac
}

# await COMMAND...: runs it so that a signal to this script stops it at once.
child=
await() {
	local status=0
	"$@" &
	child=$!
	wait "$child" || status=$?
	child=
	return "$status"
}

# transfer NAME PART: fetches into PART, going on after what it holds already.
transfer() {
	local name=$1 part=$2 url size have status code delay=$FIRST_DELAY attempt progress=-s
	url=$(url_of "$name")
	size=$(field 2 "$name")
	if [ -t 2 ]; then progress=--progress-bar; fi
	for ((attempt = 1; attempt <= ATTEMPTS; attempt++)); do
		have=$(bytes_of "$part")
		if [ "$size" != - ] && [ "$have" -ge "$size" ]; then
			if [ "$have" -eq "$size" ]; then return 0; fi
			rm -f "$part"
		fi
		status=0
		await curl -fL "$progress" -C - --connect-timeout 30 --speed-limit 1024 --speed-time "$STALL_SECONDS" \
			-w '%{http_code}' -o "$part" "$url" >"$work/code" || status=$?
		code=$(cat "$work/code")
		case "$status $code" in
		"0 "*) return 0 ;;
		*" 416") # nothing follows what we have: it is all, or too much
			if [ "$size" = - ] && [ "$have" -gt 0 ]; then return 0; fi
			rm -f "$part" ;;
		"22 401" | "22 403" | "22 404" | "22 410") die "fetching $name: $url answers HTTP $code; check the address (SKINATTN_MIRROR) or try again later" ;;
		"23 "*) die "fetching $name: cannot write $part; is the disk full or the folder read-only?" ;;
		"33 "* | "36 "*) rm -f "$part" ;; # the server cannot go on in the middle of a file
		"60 "*) die "fetching $name: the certificate of $url cannot be verified; check the clock, the proxy and the certificate store" ;;
		esac
		if [ "$attempt" -lt "$ATTEMPTS" ]; then
			say "$name: attempt $attempt of $ATTEMPTS failed (curl $status, HTTP $code); again in $delay s"
			await sleep "$delay"
			delay=$((delay * 2))
		fi
	done
	die "fetching $name: $ATTEMPTS attempts failed, the last with curl exit code $status and HTTP $code; run the script again to go on from there"
}

# fetch NAME TARGET: leaves the verified file at TARGET, and its MD5 in $verified.
verified=
fetch() {
	local name=$1 target=$2 part round got want
	part=$work/$name.part
	want=$(field 3 "$name")
	if [ "$want" = - ]; then
		want=$(published_md5 "$(field 1 "$name")")
		if [ -z "$want" ]; then die "verifying $name: $DATAVERSE does not tell its MD5; try again later"; fi
	fi
	for round in 1 2; do
		say "fetching $name"
		transfer "$name" "$part"
		got=$(md5_of "$part")
		if [ "$got" != "$want" ] && [ "$got" = "$(published_md5 "$(field 1 "$name")")" ]; then
			say "$name: not the pinned file, but the one that Dataverse publishes now (MD5 $got)"
			want=$got
		fi
		if [ "$got" = "$want" ]; then
			mv -f "$part" "$target"
			verified=$got
			return 0
		fi
		rm -f "$part"
		if [ "$round" = 1 ]; then say "$name: wrong bytes (MD5 $got, not $want); fetching it anew"; fi
	done
	die "verifying $name: wrong bytes twice (MD5 $got, not $want); check the network, the proxy and SKINATTN_MIRROR"
}

# need_space NAME: dies unless archive and pictures, which are about as large, fit.
need_space() {
	local size free
	size=$(field 2 "$1")
	if [ "$size" = - ]; then return 0; fi
	free=$(df -Pk "$work" | awk 'NR == 2 { print $4 }')
	if [ "$free" -lt $(((size - $(bytes_of "$work/$1.part")) / 1024 + size / 1000)) ]; then
		die "fetching $1: $work has $((free / 1024)) MiB free, which does not hold the archive and its pictures; free some space or name another folder"
	fi
}

# table NAME FOLDER: a table, as FOLDER/NAME. A stamp keeps the MD5 it had, for
# the next run.
table() {
	local name=$1 target=$2/$1 stamp=$work/$1.done got rows
	if [ -f "$target" ]; then
		got=$(md5_of "$target")
		if [ "$got" = "$(field 3 "$name")" ] || [ "$got" = "$(cat "$stamp" 2>/dev/null)" ] ||
			[ "$got" = "$(published_md5 "$(field 1 "$name")")" ]; then
			say "$name: there and verified"
			return 0
		fi
		die "$target is there and is not the published file; move it away or name another folder"
	fi
	fetch "$name" "$work/$name"
	rows=$(awk 'END { print NR - 1 }' "$work/$name")
	if [ "$rows" -ne "$(field 4 "$name")" ]; then
		rm -f "$work/$name"
		die "verifying $name: $rows rows, not $(field 4 "$name"); Dataverse has changed it"
	fi
	echo "$verified" >"$stamp"
	mv -f "$work/$name" "$target"
}

# ---- unpacking ----

# unpacked NAME FOLDER: whether every picture of the archive is in FOLDER.
unpacked() {
	local stamp=$work/$1.done picture
	[ -f "$stamp" ] || return 1
	while read -r picture; do
		[ -s "$2/$picture" ] || return 1
	done < <(tail -n +2 "$stamp")
}

# pictures NAME FOLDER SUFFIX: the archive's pictures ISIC_nnnnnnnSUFFIX, in FOLDER.
pictures() {
	local name=$1 folder=$2 suffix=$3 archive=$work/$1 fresh=$work/unpack status strange count
	if unpacked "$name" "$folder"; then
		say "$name: there and unpacked"
		return 0
	fi
	if [ -f "$archive" ] && [ "$(md5_of "$archive")" = "$(field 3 "$name")" ]; then
		verified=$(field 3 "$name")
	else
		rm -f "$archive"
		need_space "$name"
		fetch "$name" "$archive"
	fi

	say "unpacking $name"
	rm -rf "$fresh"
	mkdir -p "$fresh"
	unzip -Z1 "$archive" >"$work/entries" 2>/dev/null || die "unpacking $name: it is no zip archive"
	if grep -qE '^/|(^|/)[.][.](/|$)|[\]' "$work/entries"; then
		die "unpacking $name: it has an entry that would leave the folder; refused"
	fi
	# Flat, and only what is wanted: the archives also hold folders and, being
	# made on macOS, stubs like __MACOSX/._ISIC_0025504_segmentation.png.
	status=0
	unzip -qq -j -o "$archive" "*ISIC_*$suffix" -x '__MACOSX/*' '._*' '*/._*' -d "$fresh" >/dev/null 2>&1 || status=$?
	if [ "$status" -gt 1 ]; then # 1 is a warning
		die "unpacking $name: unzip failed (exit code $status); is the disk full? run the script again"
	fi
	strange=$(
		find "$fresh" -mindepth 1 ! -type f
		find "$fresh" -type f | sed 's|.*/||' | grep -vE "^ISIC_[0-9]{7}${suffix/./\\.}\$"
	) || true
	if [ -n "$strange" ]; then
		die "unpacking $name: it has an entry that is no picture of the data set; refused"
	fi
	count=$(find "$fresh" -type f -size +0 | wc -l | tr -d ' ')
	if [ "$count" -ne "$(field 4 "$name")" ]; then
		die "unpacking $name: $count pictures, not $(field 4 "$name")"
	fi
	mkdir -p "$folder"
	{
		echo "$verified"
		ls "$fresh"
	} >"$work/stamp"
	find "$fresh" -type f -exec sh -c 'mv -f "$@" "$0"' "$folder" {} +
	mv -f "$work/stamp" "$work/$name.done"
	if [ -z "$keep_archives" ]; then rm -f "$archive"; fi
}

# complete TABLE FOLDER: dies unless every image of the table is in FOLDER.
# ISIC_0035068 of the official test is in its table only: it was never released.
complete() {
	local missing
	missing=$(awk -F, 'NR > 1 { print $2 }' "$1" | tr -d '"\r' | while read -r id; do
		if [ ! -s "$2/$id.jpg" ] && [ "$id" != ISIC_0035068 ]; then echo "$id"; fi
	done)
	if [ -n "$missing" ]; then
		die "$1 lists $(echo "$missing" | wc -l | tr -d ' ') images that $2 lacks, such as ${missing%%$'\n'*}; remove $work and run the script again"
	fi
}

# ---- what is done, in its order ----

folder=
accepted=
only_metadata=
with_test=
keep_archives=
for argument in "$@"; do
	case $argument in
	--yes) accepted=1 ;;
	--only-metadata) only_metadata=1 ;;
	--with-test) with_test=1 ;;
	--keep-archives) keep_archives=1 ;;
	--help | -h)
		usage
		exit 0
		;;
	-*) misuse "unknown option $argument" ;;
	'') misuse "the folder's name is empty" ;;
	*)
		if [ -n "$folder" ]; then misuse "two folders given, $folder and $argument"; fi
		folder=$argument
		;;
	esac
done
if [ -n "$only_metadata" ] && [ -n "$with_test" ]; then
	misuse "--only-metadata and --with-test exclude each other"
fi
folder=${folder:-data/ham10000}

for tool in curl unzip awk; do
	command -v "$tool" >/dev/null || die "$tool is not installed; install it and run the script again"
done

licence >&2
if [ -z "$accepted" ]; then
	if [ ! -t 0 ]; then misuse "the licence is to be accepted: add --yes"; fi
	printf 'Type yes to accept: ' >&2
	read -r answer || answer=
	if [ "$answer" != yes ]; then die "the licence was not accepted; nothing was fetched"; fi
fi

work=$folder/.download
mkdir -p "$work" 2>/dev/null || die "cannot make the folder $work; name another one"
folder=$(cd "$folder" && pwd)
work=$folder/.download
lock=$work/lock
if ! mkdir "$lock" 2>/dev/null; then
	sleep 1 # the other may just have made it, and not yet written its number
	holder=$(cat "$lock/pid" 2>/dev/null || true)
	if [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then
		die "another download into $folder is running (process $holder); wait for it"
	fi
	rm -rf "$lock" # left by a run that was killed
	mkdir "$lock" 2>/dev/null || die "cannot lock $folder; is it writable?"
fi
echo $$ >"$lock/pid"
trap 'rm -rf "$lock" "$work/unpack" "$work/stamp" "$work/entries" "$work/code"' EXIT
stop() {
	if [ -n "$child" ]; then kill "$child" 2>/dev/null || true; fi
	say "interrupted; run the script again to go on from there"
	exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM

table HAM10000_metadata.csv "$folder"
if [ -z "$only_metadata" ]; then
	pictures HAM10000_images_part_1.zip "$folder/images" .jpg
	pictures HAM10000_images_part_2.zip "$folder/images" .jpg
	pictures HAM10000_segmentations_lesion_tschandl.zip "$folder/masks" _segmentation.png
	complete "$folder/HAM10000_metadata.csv" "$folder/images"
fi
if [ -n "$with_test" ]; then
	test_folder=$(dirname "$folder")/isic2018_test
	mkdir -p "$test_folder" || die "cannot make the folder $test_folder"
	table ISIC2018_Task3_Test_GroundTruth.csv "$test_folder"
	pictures ISIC2018_Task3_Test_Images.zip "$test_folder/images" .jpg
	complete "$test_folder/ISIC2018_Task3_Test_GroundTruth.csv" "$test_folder/images"
	say "the official test is in $test_folder (--test-data)"
fi
say "done; use it with: export SKINATTN_DATA=$folder"

# A last look with the project's own reader, where it can be built.
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -z "$only_metadata" ] && [ -d "$project/cmd/skinattn" ] && command -v go >/dev/null; then
	say "decoding every image (skinattn data check)"
	(cd "$project" && go run ./cmd/skinattn data check --data "$folder") || die "skinattn data check found faults in $folder; see above"
fi
