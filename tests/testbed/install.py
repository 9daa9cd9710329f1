"""Install what tests need from the distribution: ``packages.txt`` beside this file.

As root it installs what is missing. As an ordinary user it prints the one line that does it, and exits 4. A package of
another suite than the machine's, or one that would start a service, is unpacked into a folder that only tests look into
(``fetched_folder``), alone. For another suite there is an apt with a configuration of its own: the machine's sources
stay as they are. It takes a signed list of packages also after its last day, since mirrors may stand still.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("packages.txt")
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FAILED = 4
APT_CONFIGURATION = """\
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Sandbox::User "{user}";
"""


class AptFailed(Exception):
    """A package cannot be had; the argument says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One line of the list."""

    name: str
    suite: str
    reason: str

    @property
    def is_foreign(self) -> bool:
        """Return whether it is unpacked for the tests alone, not installed."""
        return self.suite != "any"

    @property
    def is_own(self) -> bool:
        """Return whether it is unpacked, but comes from the machine's own suite."""
        return self.suite == "own"


def parse_packages(text: str) -> tuple[Package, ...]:
    """Return the packages that the list names.

    Raises:
        ValueError: a line has fewer than three words.

    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split(maxsplit=2)
        if not words:
            continue
        if len(words) < 3:
            raise ValueError(f"line {number}: a package needs a suite and a reason")
        found.append(Package(name=words[0], suite=words[1], reason=words[2]))
    return tuple(found)


def fetched_folder(package: str) -> Path:
    """Return where a package of another suite is unpacked, in the user's folder of caches."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "bindery-testbed" / package


def is_installed(package: Package) -> bool:
    """Return whether the distribution's package is there."""
    if package.is_foreign:
        return fetched_folder(package.name).is_dir()
    found = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package.name],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.returncode == 0 and found.stdout == "installed"


def run_apt(words: list[str], cwd: Path | None = None, **environ: str) -> str:
    """Return what a program of the distribution said.

    Raises:
        AptFailed: its status is not 0.

    """
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AptFailed(f"{done.stdout}\nerror: {shlex.join(words)} ended with status {done.returncode}")
    return done.stdout


def archive_uri(package: str) -> str:
    """Return where this machine gets Debian from, as its own sources say, to fetch the package there.

    Raises:
        AptFailed: they name no archive of Debian.

    """
    words = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Created-By: Packages"]
    for line in run_apt(words).splitlines():
        origin, label, uri = line.split(maxsplit=2)
        if (origin, label) == ("Debian", "Debian"):
            return uri
    raise AptFailed(f"error: none of this machine's sources is an archive of Debian, which has {package}")


def fetch_package(package: Package) -> None:
    """Unpack a package into ``fetched_folder``, all of it or nothing.

    Raises:
        AptFailed: it cannot be had.

    """
    place = fetched_folder(package.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{package.name}.", dir=place.parent) as temporary:
        folder = Path(temporary)
        for name in ("lists/partial", "cache/archives/partial", "unpacked"):
            (folder / name).mkdir(parents=True)
        environ = {} if package.is_own else other_suite(package, folder)
        run_apt(["apt-get", "download", package.name], cwd=folder / "cache", **environ)
        (archive,) = (folder / "cache").glob("*.deb")
        run_apt(["dpkg-deb", "--extract", str(archive), str(folder / "unpacked")])
        shutil.rmtree(place, ignore_errors=True)
        (folder / "unpacked").rename(place)


def other_suite(package: Package, folder: Path) -> dict[str, str]:
    """Return what leads apt to the package's suite, and to nothing of the machine's; it has its list of packages.

    Raises:
        AptFailed: the list cannot be had.

    """
    source = f"deb [signed-by={KEYS}] {archive_uri(package.name)} {package.suite} main\n"
    (folder / "sources.list").write_text(source, encoding="utf-8")
    configuration = folder / "apt.conf"
    user = "root" if os.geteuid() == 0 else ""
    configuration.write_text(APT_CONFIGURATION.format(folder=folder, user=user), encoding="utf-8")
    run_apt(["apt-get", "update"], APT_CONFIG=str(configuration))
    return {"APT_CONFIG": str(configuration)}


def apt_command(packages: tuple[Package, ...]) -> list[str]:
    """Return the words that install the packages."""
    return ["apt-get", "install", "--yes", "--no-install-recommends", *(one.name for one in packages)]


def install(missing: tuple[Package, ...]) -> None:
    """Install, as root, what the machine lacks, and fetch what is unpacked.

    Raises:
        AptFailed: a package cannot be had.

    """
    run_apt(["apt-get", "update"])
    ordinary = tuple(one for one in missing if not one.is_foreign)
    if ordinary:
        run_apt(apt_command(ordinary))
    for one in missing:
        if one.is_foreign:
            fetch_package(one)


def main() -> int:
    """Install what is missing; see the module for the status."""
    packages = parse_packages(LIST.read_text(encoding="utf-8"))
    if os.geteuid() != 0:
        # Only root starts what is unpacked.
        packages = tuple(one for one in packages if not one.is_foreign)
    try:
        missing = tuple(one for one in packages if not is_installed(one))
    except FileNotFoundError:
        print("error: these packages come from Debian or Ubuntu, and there is no dpkg here:", file=sys.stderr)
        for one in packages:
            print(f"  {one.name}: {one.reason}", file=sys.stderr)
        return FAILED
    if not missing:
        return 0
    for one in missing:
        print(f"testbed: {one.name} is missing: {one.reason}", flush=True)
    if os.geteuid() != 0:
        command = shlex.join(apt_command(missing))
        print(f"  sudo sh -c {shlex.quote('apt-get update && ' + command)}", file=sys.stderr)
        return FAILED
    try:
        install(missing)
    except AptFailed as failed:
        print(failed, file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
