"""What ``dask-gateway-server`` is told; it runs this file, and gives it ``c``.

A cluster's option ``kind`` says what is wrong with it: its scheduler ends at once, or a process of it has one more
package than the gateway's own environment. Workers that are ``changing`` have it once there is a file ``changed``.
"""
# ruff: noqa: ANN001, ANN201, F821
# mypy: ignore-errors

import os
from pathlib import Path

from dask_gateway_server.options import Options, Select

FOLDER, PREFIX, PORT = (
    Path(os.environ["GATEWAY_FOLDER"]),
    Path(os.environ["GATEWAY_PREFIX"]),
    os.environ["GATEWAY_PORT"],
)
KINDS = ["sound", "broken", "other-scheduler", "other-worker", "changing"]
CHANGING = '[ ! -e "$0/changed" ] || export PYTHONPATH="$0/more"; exec "$@"'


def choose(options):
    """Return the settings of a cluster of this kind."""
    other = ["env", f"PYTHONPATH={FOLDER / 'more'}"]
    scheduler, worker = [str(PREFIX / "bin" / "dask-scheduler")], [str(PREFIX / "bin" / "dask-worker")]
    return {
        "sound": {},
        "broken": {"scheduler_cmd": ["false"]},
        "other-scheduler": {"scheduler_cmd": [*other, *scheduler]},
        "other-worker": {"worker_cmd": [*other, *worker]},
        "changing": {"worker_cmd": ["/bin/sh", "-c", CHANGING, str(FOLDER), *worker]},
    }[options.kind]


c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.SimpleAuthenticator.password = os.environ["GATEWAY_PASSWORD"]
c.Proxy.address = f"127.0.0.1:{PORT}"
c.UnsafeLocalBackend.clusters_directory = str(FOLDER / "clusters")
c.UnsafeLocalBackend.cluster_status_period = 3
c.Backend.cluster_options = Options(Select("kind", KINDS), handler=choose)
c.ClusterConfig.scheduler_cmd = [str(PREFIX / "bin" / "dask-scheduler")]
c.ClusterConfig.worker_cmd = [str(PREFIX / "bin" / "dask-worker")]
c.ClusterConfig.worker_memory = "1 G"
c.ClusterConfig.cluster_max_workers = 2
