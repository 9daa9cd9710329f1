#!/usr/bin/env bash

#PBS -N bdry-0a1b2c3d
#PBS -q qdev
#PBS -A pangeo
#PBS -l select=1:ncpus=24:mem=112GB
#PBS -l walltime=01:00:00
#PBS -e /scratch/ann/run/cluster/jobs/
#PBS -o /scratch/ann/run/cluster/jobs/
#PBS -m n
unset BINDERY_LOCK CONDA_EXE CONDA_PYTHON_EXE CONDA_SHLVL GDAL_DATA GDAL_DRIVER_PATH LD_LIBRARY_PATH LD_PRELOAD PROJ_DATA PROJ_LIB PYTHONHOME PYTHONOPTIMIZE PYTHONPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONWARNINGS VIRTUAL_ENV
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
export CONDA_PREFIX=/store/p
export CONDA_DEFAULT_ENV=/store/p
export PYTHONNOUSERSITE=1
export PYTHONDONTWRITEBYTECODE=1
export PATH=/store/p/bin:$PATH
HOME=/scratch/ann/home /store/p/bin/python -m distributed.cli.dask_worker tls://10.0.0.1:8786 --name hal-0 --nthreads 3 --memory-limit 13.97GiB --nworkers 8 --nanny --death-timeout 60 --local-directory "${TMPDIR:-/tmp}" --preload /scratch/ann/run/cluster/admit.py --dashboard-address 127.0.0.1:0 --interface ib0 --protocol tls://
