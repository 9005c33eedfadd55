#!/bin/bash
#SBATCH --job-name=skinattn
#SBATCH --array=0-2%8
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --output=BASE-%a.out
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --constraint="a100|h100"
#SBATCH --gpus=1
#SBATCH --mem=32G
#SBATCH --time=12:00:00
#SBATCH --cpus-per-task=4
#SBATCH --exclusive
# Written by 'skinattn sweep slurm': one task of this job array trains one cell.
#
# Slurm sends USR1 to this shell some time before the limit of the job: the training saves its
# state, and the task goes back into the queue. At TERM, of scancel, a requeue or a preemption,
# it saves, too, and what becomes of the task is Slurm's business.

module load apptainer

requeue= code=0
apptainer exec --nv skinattn.sif skinattn sweep run '/home/me/my sweep.yaml' --runs=RUNS --engine=auto --cells=BASE.cells --data=/data/ham10000 --task="$SLURM_ARRAY_TASK_ID" &
training=$!
trap 'requeue=yes; kill -TERM "$training" || true' USR1
trap 'kill -TERM "$training" || true' TERM
# A signal ends a wait; the training is waited for until it has saved. Lines above may have set -e.
while kill -0 "$training" 2>/dev/null; do wait "$training" || true; done
wait "$training" || code=$?
if [ "$code" = 130 ] && [ -n "$requeue" ]; then
  exec scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
