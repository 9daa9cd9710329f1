"""Debian's ``docker-registry`` on a loopback address, in a folder of its own; open or closed, over TLS or not."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bindery.core import encode_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.testbed.certificates import Certificates

    from bindery.core import Json

USER = "bindery"
PASSWORD = "correct horse"  # noqa: S105 - of registries that live for one test
# crypt(3) of the password, with bcrypt, which is all that the registry takes.
_HTPASSWD = "bindery:$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n"
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
_START_LIMIT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """A registry that runs. ``host`` is 127.0.0.1 and its port; ``ca`` is there if it speaks TLS."""

    host: str
    folder: Path
    ca: Path | None = None

    @property
    def url(self) -> str:
        """Return where its API is."""
        return f"{'http' if self.ca is None else 'https'}://{self.host}"

    def log(self) -> str:
        """Return what it has logged so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def blob_path(self, digest: str) -> Path:
        """Return where it keeps the bytes of a blob, so that a test can damage them."""
        algorithm, _, digits = digest.partition(":")
        return self.folder / "data/docker/registry/v2/blobs" / algorithm / digits[:2] / digits / "data"


def _program() -> str:
    """Return the registry's path, or skip the test (which fails a run in CI)."""
    found = shutil.which("docker-registry")
    if found is None:
        pytest.skip("there is no docker-registry: make testbed")
    return found


@contextmanager
def run_registry(
    folder: Path, *, with_password: bool = False, token_realm: str = "", certificates: Certificates | None = None
) -> Iterator[Registry]:
    """Run a registry that keeps everything in the folder while the context lasts.

    ``token_realm`` is the URL of a token server whose certificate is in ``certificates``.
    """
    program = _program()
    folder.mkdir(parents=True, exist_ok=True)
    http: dict[str, Json] = {"addr": "127.0.0.1:0", "secret": "of one test"}
    config: dict[str, Json] = {
        "version": "0.1",
        "log": {"accesslog": {"disabled": False}, "level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": http,
    }
    speaks_tls = certificates is not None and not token_realm
    if certificates is not None and speaks_tls:
        http["tls"] = {"certificate": str(certificates.certificate), "key": str(certificates.key)}
    if with_password:
        (folder / "htpasswd").write_text(_HTPASSWD, encoding="utf-8")
        config["auth"] = {"htpasswd": {"realm": "the test's registry", "path": str(folder / "htpasswd")}}
    if certificates is not None and token_realm:
        token: dict[str, Json] = {"realm": token_realm, "service": "the test's registry", "issuer": "the test"}
        config["auth"] = {"token": {**token, "rootcertbundle": str(certificates.certificate)}}
    # JSON is YAML.
    (folder / "config.yml").write_bytes(encode_json(config, indent=1))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.yml")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        host = _wait(process, folder / "log")
        yield Registry(host=host, folder=folder, ca=certificates.ca if certificates and speaks_tls else None)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path) -> str:
    end_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < end_s and process.poll() is None:
        found = _LISTENING.search(log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.02)
    raise RuntimeError(f"the registry does not start:\n{log.read_text(encoding='utf-8')}")
