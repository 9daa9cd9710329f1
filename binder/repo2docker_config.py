# Settings for any repo2docker beside which Bindery is installed (pip install pangeo-bindery):
#
#     jupyter-repo2docker --config repo2docker_config.py --engine oci --no-run --user-id 1000 --user-name jovyan .
#
# The engine is chosen on the command line only, since repo2docker's default there comes after this file.
from bindery.images.buildpack import CondaLockBuildPack

c = get_config()  # noqa: F821 - traitlets defines it

# Repositories with a conda-lock.yml, or with pins of wheels, are ours; all others stay repo2docker's.
c.Repo2Docker.buildpacks.insert(0, CondaLockBuildPack)

# As on every BinderHub; repo2docker itself takes whoever calls it, and refuses root.
c.Repo2Docker.user_name = "jovyan"
c.Repo2Docker.user_id = 1000

# For repositories that have files for conda-forge's packages and for wheels; there is no default.
# c.OciEngine.packages = "conda-forge"

# For repositories that have no base.lock.
# c.OciEngine.base = "debian:bookworm"
