"""Slurm: ``sbatch`` takes jobs, ``squeue`` lists them, ``scancel`` ends them.

Source: Slurm 22.05, squeue(1) and scancel(1).
"""

from bindery.clusters.batch_queue import BatchQueue

SLURM = BatchQueue(
    kind="slurm",
    title="Slurm",
    programs=("sbatch", "squeue", "scancel"),
    listing=("squeue", "--noheader", "--format=%i", "--name={name}"),
    cancelling=("scancel", "--quiet", "--name={name}"),
)
