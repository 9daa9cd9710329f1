"""Stock JupyterHubs start the real image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.testbed.hub import TOKEN, run_hub
from tests.testbed.jupyter import Jupyter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.engine import Engine

    from bindery.core import Store

pytestmark = pytest.mark.testbed

DASHBOARD = """
from dask.distributed import Client, LocalCluster
cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:8787")
print(cluster.dashboard_link)
"""


@pytest.mark.parametrize("major", [5, 6])
def test_a_hub_starts_the_image(
    major: int, docker_engine: Engine, real_image: str, test_store: Store, tmp_path: Path
) -> None:
    with run_hub(tmp_path, test_store, docker_engine, major, real_image) as hub:
        jupyter = Jupyter(url=hub.start_server("ann"), token=TOKEN)
        assert jupyter.execute_notebook("answer.ipynb") == ["", "42 by start\n"]
        with jupyter.kernel() as kernel, jupyter.client() as client:
            assert jupyter.execute(kernel, DASHBOARD) == "/user/ann/proxy/8787/status\n"
            dashboard = client.get("proxy/8787/status")
            assert (dashboard.status_code, "Dask" in dashboard.text) == (200, True)
