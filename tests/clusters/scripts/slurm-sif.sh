#!/usr/bin/env bash

#SBATCH -J bdry-0a1b2c3d
#SBATCH -e /scratch/ann/run/cluster/jobs/bdry-0a1b2c3d-%J.err
#SBATCH -o /scratch/ann/run/cluster/jobs/bdry-0a1b2c3d-%J.out
#SBATCH -p qdev
#SBATCH -A pangeo
#SBATCH -n 1
#SBATCH --cpus-per-task=24
#SBATCH --mem=112G
#SBATCH -t 01:00:00
#SBATCH -m n
module load singularity/3.5.3
unset BINDERY_LOCK
export HDF5_USE_FILE_LOCKING=FALSE
export OMP_NUM_THREADS=1
export MKL_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export APPTAINER_CACHEDIR="/scratch/$USER/singularity"
export APPTAINER_TMPDIR="/scratch/$USER/singularity"
export SINGULARITY_CACHEDIR="/scratch/$USER/singularity"
export SINGULARITY_TMPDIR="/scratch/$USER/singularity"
export no_proxy=localhost,127.0.0.1
export NO_PROXY=localhost,127.0.0.1
export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True
singularity exec --cleanenv --no-home --bind /work:/work:ro --bind "/data sets" --bind /scratch/ann/run/cluster --bind /scratch/ann/run '/sifs/hpc 1.sif' python -m distributed.cli.dask_worker tls://10.0.0.1:8786 --name hal-0 --nthreads 3 --memory-limit 13.97GiB --nworkers 8 --nanny --death-timeout 60 --local-directory "${TMPDIR:-/tmp}" --preload /scratch/ann/run/cluster/admit.py --dashboard-address 127.0.0.1:0 --interface ib0 --protocol tls://
