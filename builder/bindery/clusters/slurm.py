"""Slurm: ``sbatch`` takes jobs, ``squeue`` lists them, ``scancel`` ends them.

Source: Slurm 22.05, squeue(1) and scancel(1).
"""

from bindery.clusters.batch_queue import BatchQueue
from bindery.sif.sites import QUEUE_PROGRAMS

SLURM = BatchQueue(
    kind="slurm",
    title="Slurm",
    programs=QUEUE_PROGRAMS["slurm"],
    listing=("squeue", "--noheader", "--format=%i", "--name={name}"),
    cancelling=("scancel", "--quiet", "--name={name}"),
)
