"""What a process in the SIF finds: nothing of the host's that would harm, and all of it that is needed."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.testbed.apptainer import Apptainer
    from tests.testbed.users import User

    from bindery.images import Image

pytestmark = pytest.mark.testbed

PREFIX = "/srv/conda/envs/notebook"
IMPORTED = "import os, dask; print(dask.__file__, *sorted(n for n in os.environ if n.startswith({prefix!r})))"


class Inside(Protocol):
    """Called with words, and with variables of the host; returns what they printed in the SIF, for an ordinary user."""

    def __call__(
        self,
        *words: str | Path,
        action: str = "exec",
        options: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Return what was written to stdout."""


@pytest.fixture(scope="module")
def inside(apptainer: Apptainer, hpc_sif: Path, tester: User) -> Inside:
    def run(
        *words: str | Path,
        action: str = "exec",
        options: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> str:
        return apptainer.run(action, *options, hpc_sif, *words, user=tester, env=env).stdout

    return run


@pytest.fixture
def home(tester: User) -> Iterator[Path]:
    """Return the user's home; what a test makes there is removed."""
    known = set(tester.home.iterdir())
    yield tester.home
    for one in set(tester.home.iterdir()) - known:
        subprocess.run(["rm", "-rf", one], check=True)


def put(path: Path, text: str) -> Path:
    """Return the path, where everybody can read this text now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_of_python_stay_outside(inside: Inside, home: Path) -> None:
    shadow = put(home / "shadow" / "dask.py", "1/0").parent
    startup = put(home / "startup.py", "1/0")
    host = {
        "PYTHONPATH": str(shadow),
        "PYTHONHOME": str(shadow),
        "PYTHONSTARTUP": str(startup),
        "PYTHONUSERBASE": str(home),
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
    }
    said = inside("python", "-c", IMPORTED.format(prefix="PYTHON"), env=host)
    assert said == f"{PREFIX}/lib/python3.11/site-packages/dask/__init__.py PYTHONNOUSERSITE PYTHONUNBUFFERED\n"


def test_packages_in_the_home_stay_outside(inside: Inside, home: Path) -> None:
    put(home / ".local/lib/python3.11/site-packages/dask.py", "1/0")
    put(home / ".local/bin/dask", "#!/bin/false\n").chmod(0o755)
    said = inside("sh", "-c", "command -v dask; python -c 'import dask; print(dask.__file__)'")
    assert said == f"{PREFIX}/bin/dask\n{PREFIX}/lib/python3.11/site-packages/dask/__init__.py\n"


def test_a_kernel_in_the_home_is_not_the_environments(inside: Inside, home: Path) -> None:
    spec = json.dumps({"argv": ["/bin/false"], "display_name": "Mine", "language": "python"})
    for name in ("python3", "mine"):
        put(home / f".local/share/jupyter/kernels/{name}/kernel.json", spec)
    found = json.loads(inside("jupyter", "kernelspec", "list", "--json"))
    folders = {name: one["resource_dir"] for name, one in found["kernelspecs"].items()}
    assert folders["python3"] == f"{PREFIX}/share/jupyter/kernels/python3"
    assert folders["mine"] == f"{home}/.local/share/jupyter/kernels/mine"


def test_library_paths_stay_outside(inside: Inside, home: Path) -> None:
    put(home / "lib/libz.so.1", "no library")
    said = inside(
        "python", "-c", "import os, zlib; print(os.environ['LD_LIBRARY_PATH'])", env={"LD_LIBRARY_PATH": f"{home}/lib"}
    )
    assert said == "/.singularity.d/libs\n"


def test_preloaded_libraries_stay_outside(inside: Inside) -> None:
    # Apptainer itself is started with it: it has to be a library.
    assert (
        inside("sh", "-c", "echo [$LD_PRELOAD] [$LD_BIND_NOW]", env={"LD_PRELOAD": "libm.so.6", "LD_BIND_NOW": "1"})
        == "[] []\n"
    )


def test_the_profile_stays_outside(inside: Inside, home: Path) -> None:
    for name in (".bash_profile", ".bash_login", ".profile"):
        put(home / name, "export PATH=/leaked:$PATH LEAKED=1\n")
    script = 'echo "$LEAKED $PATH $0 $*"; shopt login_shell; command -v python'
    said = inside("bash", "-lc", script, "zero", "one two")
    path = inside("sh", "-c", "echo $PATH").strip()
    assert said == f" {path} zero one two\nlogin_shell    \ton\n{PREFIX}/bin/python\n"


def test_a_login_shell_reads_what_it_is_given(inside: Inside, home: Path) -> None:
    put(home / ".bash_profile", "export LEAKED=1\n")
    script = put(home / "job.sh", '#!/bin/bash -l\necho "$LEAKED $*"\n')
    script.chmod(0o755)
    assert inside(str(script), "a  b") == " a  b\n"


def test_run_reads_no_profile(inside: Inside, home: Path) -> None:
    put(home / ".bash_profile", "export LEAKED=1\n")
    assert inside("sh", "-c", "echo $LEAKED $HOME", action="run") == f"{home}\n"


def test_condas_settings_stay_outside(inside: Inside) -> None:
    host = {"CONDA_EXE": "/opt/conda/bin/conda", "CONDA_PREFIX": "/opt/conda", "CONDA_SHLVL": "2"}
    said = inside(
        "python", "-c", IMPORTED.format(prefix="CONDA"), env={**host, "CONDA_PROMPT_MODIFIER": "(base)", "_CE_M": "x"}
    )
    assert said.split()[1:] == ["CONDA_DEFAULT_ENV", "CONDA_DIR", "CONDA_PREFIX"]
    assert inside("sh", "-c", "echo $CONDA_PREFIX", env=host) == f"{PREFIX}\n"


def test_a_virtual_environment_of_the_host_stays_outside(inside: Inside) -> None:
    # IPython would add its packages.
    said = inside(
        "sh", "-c", "echo [$VIRTUAL_ENV] [$BASH_ENV]", env={"VIRTUAL_ENV": "/opt/venv", "BASH_ENV": "/opt/init"}
    )
    assert said == "[] []\n"


def test_jupyters_settings_stay_outside_and_what_a_hub_says_comes_in(inside: Inside) -> None:
    host = {"JUPYTER_PATH": "/opt", "JUPYTER_CONFIG_DIR": "/opt", "JUPYTER_RUNTIME_DIR": "/opt", "IPYTHONDIR": "/opt"}
    hub = {"JUPYTERHUB_API_TOKEN": "t", "JUPYTERHUB_SERVICE_PREFIX": "/user/me/", "JUPYTER_TOKEN": "u"}
    script = "import json, os; print(json.dumps({n: v for n, v in os.environ.items() if n[:3] in ('JUP', 'IPY')}))"
    assert json.loads(inside("python", "-c", script, env={**host, **hub})) == {
        **hub,
        "JUPYTER_CONFIG_PATH": "/.singularity.d/bindery",
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def test_data_of_the_hosts_modules_stay_outside(inside: Inside) -> None:
    script = "import os, pyproj; print(os.environ.get('PROJ_LIB'), pyproj.CRS(4326).name)"
    assert (
        inside("python", "-c", script, env={"PROJ_LIB": "/opt/proj/share", "GDAL_DATA": "/opt/gdal"}) == "None WGS 84\n"
    )


def test_what_somebody_asks_for_comes_in(inside: Inside) -> None:
    options = ("--env", "PYTHONPATH=/srv/repo,LANG=C")
    assert inside("sh", "-c", "echo $PYTHONPATH $LANG", options=options) == "/srv/repo C\n"


def test_a_certificate_file_comes_in_where_it_is_bound(inside: Inside, home: Path) -> None:
    script = "echo $SSL_CERT_FILE $REQUESTS_CA_BUNDLE"
    mine = str(put(home / "ca.pem", "-----"))
    assert inside("sh", "-c", script, env={"SSL_CERT_FILE": mine, "REQUESTS_CA_BUNDLE": "/opt/ca.pem"}) == f"{mine}\n"


def test_the_images_certificates_are_used_where_the_hosts_are_not_bound(inside: Inside) -> None:
    script = (
        "import ssl; c = ssl.create_default_context(); c.load_default_certs(); print(c.cert_store_stats()['x509'] > 50)"
    )
    assert inside("python", "-c", script, env={"SSL_CERT_FILE": "/opt/ca.pem", "SSL_CERT_DIR": "/opt"}) == "True\n"


def test_the_bundle_of_the_hosts_distribution_is_found(inside: Inside, home: Path) -> None:
    put(home / "pki/tls/certs/ca-bundle.crt", "-----")
    said = inside("sh", "-c", "echo $SSL_CERT_FILE $REQUESTS_CA_BUNDLE", options=("--bind", f"{home}/pki:/etc/pki"))
    assert said == "/etc/pki/tls/certs/ca-bundle.crt /etc/pki/tls/certs/ca-bundle.crt\n"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({"LANG": "C.UTF-8"}, "C.UTF-8 "),
        ({"LANG": "en_US.UTF-8", "LC_TIME": "C"}, "en_US.UTF-8 "),
        ({"LANG": "xx_XX.UTF-8"}, "en_US.UTF-8 en_US.UTF-8"),
        ({"LANG": "en_US"}, "en_US.UTF-8 en_US.UTF-8"),  # ISO 8859-1
        ({"LANG": "xx_XX.UTF-8", "LC_ALL": "C.UTF-8"}, "en_US.UTF-8 C.UTF-8"),
    ],
)
def test_the_locale_comes_in_if_the_image_has_it(inside: Inside, host: dict[str, str], expected: str) -> None:
    assert inside("sh", "-c", 'echo "$LANG $LC_ALL"', env=host) == f"{expected}\n"


def test_the_time_zone_comes_in(inside: Inside) -> None:
    assert inside("date", "+%Z", env={"TZ": "Asia/Tokyo"}) == "JST\n"
    host = subprocess.run(["date", "+%z"], env={}, capture_output=True, text=True, check=True).stdout
    assert inside("date", "+%z") == host


def test_a_bound_folder_of_the_node_is_used_for_temporary_files(inside: Inside, apptainer: Apptainer) -> None:
    script = "import tempfile; print(tempfile.gettempdir())"
    node = apptainer.folder / "scratch"
    node.mkdir(exist_ok=True)
    node.chmod(0o1777)
    bound = ("--contain", "--bind", str(node))
    assert inside("python", "-c", script, options=bound, env={"TMPDIR": str(node)}) == f"{node}\n"
    # It is not there, and nothing breaks.
    assert inside("python", "-c", script, options=("--contain",), env={"TMPDIR": str(node)}) == "/tmp\n"  # noqa: S108


def test_variables_are_the_same_wherever_they_are_looked_at(inside: Inside, hpc_image: Image, home: Path) -> None:
    script = put(home / "show.py", "import json, os\nprint(json.dumps(dict(os.environ)))\n")
    places = [json.loads(inside("python", script, action=action)) for action in ("exec", "run")]
    shell = put(home / "shell", f"#!/bin/sh\nexec python {script}\n")
    shell.chmod(0o755)
    places.append(json.loads(inside(action="shell", options=("--shell", str(shell)))))
    places += json.loads(inside("python", put(home / "deep.py", DEEP)))
    person = {"HOME", "USER", "LANG", "LC_ALL", "PATH"}
    named = dict(one.split("=", 1) for one in hpc_image.config.env)
    expected = {name: value for name, value in named.items() if name not in person}
    assert len(places) == 5
    for found in places:
        assert {name: found.get(name) for name in expected} == expected
        assert found["PATH"].startswith(f"/srv/repo/.local/bin:{PREFIX}/bin:")
        assert found["HOME"] == str(home)


DEEP = """
import json, os
from dask.distributed import Client, LocalCluster
from jupyter_client.manager import start_new_kernel

if __name__ == "__main__":
    said = []
    manager, client = start_new_kernel(kernel_name="python3")
    client.execute_interactive(
        "import json, os; print(json.dumps(dict(os.environ)))",
        output_hook=lambda one: said.append(one["content"].get("text", "")),
    )
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        (worker,) = client.run(lambda: dict(os.environ)).values()
    print(json.dumps([json.loads("".join(said)), worker]))
"""
