#!/usr/bin/env bash
# slurm-test.sh: a sweep of twelve tiny cells on a real Slurm, of one node that this script sets up
# from Debian's packages and takes down again. In its course a cell is requeued half-way, one is
# told that its time is up, the node is drained and resumed, the controller is restarted, and one
# cell fails for good. In the end eleven cells are done, with the predictions of undisturbed runs.
# Needs root on Debian; elsewhere it says SKIPPED. Takes some minutes; with KEEP=1 the folder stays.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "SKIPPED: $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip "Slurm's daemons need root"
needs=(slurmctld slurmd munged sbatch)
if ! command -v "${needs[@]}" >/dev/null; then
  command -v apt-get >/dev/null || skip "there are no Debian packages here"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slurmctld slurmd slurm-client munge; } >/dev/null 2>&1 || true
  command -v "${needs[@]}" >/dev/null || skip "the packages slurmctld, slurmd, slurm-client and munge can't be had"
fi

dir="$(mktemp -d)" node="$(hostname -s)" failed=
chmod 755 "$dir"
cleanup() {
  scancel --user=root >/dev/null 2>&1 || true
  sleep 1
  for daemon in slurmd slurmctld munged; do
    pid="$(cat "$dir/run/$daemon.pid" 2>/dev/null)" || continue
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep .1; done
    kill -9 "$pid" 2>/dev/null || true
  done
  if [ -n "${KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
}
trap cleanup EXIT
step() { printf '%s %s\n' "$(date +%T)" "$*"; }
fail() { echo "FAILED: $*"; failed=yes; }
die() { fail "$@"; tail -n 20 "$dir"/log/*.log; squeue || true; exit 1; }
# until_true SECONDS COMMAND...: waits until the command succeeds.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do ((SECONDS < end)) || die "waited in vain for: $*"; sleep .2; done
}

step "building, and drawing photos"
go build -o "$dir/skinattn" ./cmd/skinattn
mkdir -p "$dir"/{run,log,state,spool}
export SKINATTN_ENGINE=go XDG_CACHE_HOME="$dir/cache" SLURM_CONF="$dir/slurm.conf"
"$dir/skinattn" demo --out "$dir/demo" --images 120 --size 40 --epochs 1 --quiet >/dev/null
cat >"$dir/tiny.yaml" <<END
runs: runs
set: {backbone: mobilenet_v2, cut: block_1_depthwise, size: 32, weights: random, regime: demo, save-every: 200ms}
grids:
  - set: {epochs: 9}
    axes: {seed: 1..3}
  - set: {epochs: 2}
    axes: {seed: 4..11}
  - set: {epochs: 2, learning-rate: 1e30, seed: 12}
END
sweep() { "$dir/skinattn" sweep "$@" --data "$dir/demo/data" --quiet; }
mapfile -t cells < <("$dir/skinattn" sweep cells "$dir/tiny.yaml" | sed 's#.*/##')
[ "${#cells[@]}" = 12 ] || die "${#cells[@]} cells"

step "the same cells undisturbed"
sweep run "$dir/tiny.yaml" --runs "$dir/alone" 2>"$dir/log/alone.log" && die "the failing cell did not fail"

step "one node"
dd if=/dev/urandom of="$dir/munge.key" bs=1024 count=1 status=none
chmod 400 "$dir/munge.key"
munged --force --key-file="$dir/munge.key" --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" --log-file="$dir/log/munged.log" \
  --seed-file="$dir/state/munge.seed" >/dev/null 2>&1
cat >"$SLURM_CONF" <<END
ClusterName=skinattn
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=30
SchedulerParameters=sched_interval=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
slurmctld -f "$SLURM_CONF"
sleep 2
slurmd -f "$SLURM_CONF"
node_is() { [[ "$(sinfo --noheader --format=%T)" == "$1"* ]]; }
until_true 60 node_is idle

step "the job array"
sweep slurm "$dir/tiny.yaml" --submit --cpus 1 --time 1:00:00 --warning 2m --json >"$dir/jobs.json"
job="$(grep -o '"id": "[0-9]*"' "$dir/jobs.json" | grep -o '[0-9]*')"
state() { scontrol --oneliner show job "${job}_$1" | grep -o 'JobState=[A-Z]*' | cut -d= -f2; }
is() { [ "$(state "$1")" = "$2" ]; }
epochs() { local n; n="$(cat "$dir/runs/${cells[$1]}/history.csv" 2>/dev/null | wc -l)"; [ "$n" -gt "$2" ]; }
done_already() { [ -f "$dir/runs/${cells[$1]}/metrics.json" ]; }
# Slurm holds a requeued job back for a while, which nobody wants to wait for here.
release() { scontrol update JobId="${job}_$1" StartTime=now 2>/dev/null || true; }

step "what is in the queue is not submitted again"
[ "$(sweep slurm "$dir/tiny.yaml" --all)" = "no cell of $dir/tiny.yaml waits" ] || fail "cells that wait are submitted twice: $(squeue --noheader --array --format="%K %o")"

step "task 0 is requeued half-way, as by a preemption"
until_true 300 epochs 0 2
done_already 0 && die "task 0 was faster"
scontrol requeue "${job}_0"
until_true 60 is 0 PENDING
grep -q 'interrupted, its state is saved' "$dir"/runs/.sweep/slurm/*-0.out || fail "task 0 did not save: $(tail -n 3 "$dir"/runs/.sweep/slurm/*-0.out)"
release 0

step "task 1 is told that its time is up, and requeues itself"
until_true 300 epochs 1 2
done_already 1 && die "task 1 was faster"
# The client repeats the signal where the task has requeued itself before it answered, and fails then.
timeout 5 scancel --batch --signal=USR1 "${job}_1" 2>/dev/null || true
until_true 60 is 1 PENDING
release 1

step "the node is drained and resumed"
scontrol update NodeName="$node" State=DRAIN Reason=test
until_true 300 node_is drained
running="$(squeue --noheader --states=RUNNING | wc -l)"
[ "$running" = 0 ] || fail "$running tasks run on a drained node"
scontrol update NodeName="$node" State=RESUME
until_true 60 node_is mixed || until_true 60 node_is allocated

step "the controller is restarted"
controller="$(cat "$dir/run/slurmctld.pid")"
kill "$controller"
until_true 60 bash -c "! kill -0 $controller 2>/dev/null"
sleep 3
slurmctld -f "$SLURM_CONF"
until_true 60 squeue --noheader >/dev/null

step "all tasks end"
ended() { for i in 0 1; do is "$i" PENDING && release "$i"; done; [ -z "$(squeue --noheader --array)" ]; }
until_true 900 ended

# Slurm 22.05 forgets jobs that have ended after five minutes; what counts lies on disk.
"$dir/skinattn" sweep status "$dir/tiny.yaml" | cut -c1-200
"$dir/skinattn" sweep status "$dir/tiny.yaml" | tail -n 1 | grep -q ': 11 done, 0 running, 1 failed, 0 waiting$' || fail "not 11 cells are done and 1 failed"
for i in $(seq 0 10); do
  for part in val test; do
    cmp "$dir/alone/${cells[$i]}/predictions-$part.csv" "$dir/runs/${cells[$i]}/predictions-$part.csv" || fail "cell $i differs from an undisturbed run"
  done
done
for i in 0 1; do
  grep -q '"resumptions"' "$dir/runs/${cells[$i]}/environment.json" || fail "cell $i was not resumed"
done
[ "$(sweep slurm "$dir/tiny.yaml")" = "no cell of $dir/tiny.yaml waits" ] || fail "there are cells left to submit"
[ -z "$failed" ] || exit 1
step "passed: 11 cells done, as undisturbed, and 1 failed"
