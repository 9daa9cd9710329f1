"""What this machine's own apt is configured with: where packages come from, and how they are fetched.

A base is made from there, so that whoever has a mirror, a proxy or a frozen archive has it for bases as well. Another
configuration than the machine's is named by ``APT_CONFIG``, as everywhere with apt.

Source: sources.list(5), apt.conf(5).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from bindery.core import BadInput, run_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# mmdebstrap knows where these are; the machine's configuration need not name them.
_KNOWN = ("bookworm", "trixie", "forky", "sid")
_TIMEOUT_S = 60.0
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]+)")
_SPELLED = {"arch": "Architectures", "lang": "Languages", "target": "Targets", "signed-by": "Signed-By"}
# How to fetch. What to fetch (translations, changelogs, CDs) is mmdebstrap's to say.
_FETCHING = re.compile(r"Acquire::(?!IndexTargets|Changelogs|CompressionTypes|Languages|cdrom|GzipIndexes)\S+ .*;")


def find_sources(suite: str, environ: Mapping[str, str]) -> str:
    """Return the machine's sources of the suite, with its updates and security, in deb822 format.

    Empty if the machine has none, but mmdebstrap knows the suite.

    Raises:
        BadInput: the machine has none, and the suite is not known.
        ToolFailed: apt is not there, or its configuration is wrong.

    """
    wanted = {suite, f"{suite}-updates", f"{suite}-security", f"{suite}/updates"}
    stanzas = list(_read_sources(environ))
    chosen = [_render(one, kept) for one in stanzas if (kept := _suites(one, wanted))]
    if not any(suite in _suites(one, {suite}) for one in stanzas):
        if suite in _KNOWN:
            return ""
        there = sorted({word for one in stanzas for word in one.get("suites", "").split()})
        raise BadInput(
            f"is not a suite that this machine's apt has: {', '.join(there) or 'it has none'}",
            f"debian:{suite}",
            f"write one of {', '.join(_KNOWN)}, or let APT_CONFIG name a configuration that has it",
        )
    return "\n".join(chosen)


def find_options(environ: Mapping[str, str]) -> str:
    """Return how the machine's apt fetches: proxies, certificates, credentials, limits, as apt.conf(5) has it.

    Raises:
        ToolFailed: apt is not there, or its configuration is wrong.

    """
    lines = _apt_config(["dump"], environ).splitlines()
    login = _shell_values("Dir::Etc::netrc/f", "Dir::Etc::netrcparts/d", environ=environ)
    quoted = zip(("Dir::Etc::netrc", "Dir::Etc::netrcparts"), login, strict=True)
    kept = [line for line in lines if _FETCHING.fullmatch(line)]
    return "".join(f"{line}\n" for line in (*kept, *(f'{key} "{value}";' for key, value in quoted if value)))


def _read_sources(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    single, parts = (
        Path(one) for one in _shell_values("Dir::Etc::sourcelist/f", "Dir::Etc::sourceparts/d", environ=environ)
    )
    below = sorted(parts.iterdir()) if parts.is_dir() else []
    for path in (single, *below):
        if path.suffix in {".list", ".sources"} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            yield from _parse_deb822(text) if path.suffix == ".sources" else _parse_one_line(text)


def _parse_one_line(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        found = _ONE_LINE.match(line.strip())
        if found is None:
            continue
        options = (option.partition("=") for option in (found["options"] or "").split())
        yield {
            "types": "deb",
            "uris": found["uri"],
            "suites": found["suite"],
            "components": found["components"].strip(),
            **{_SPELLED.get(key, key).lower(): value.replace(",", " ") for key, _, value in options},
        }


def _parse_deb822(text: str) -> Iterator[dict[str, str]]:
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and key:
                fields[key] += f"\n{line}"
            elif ":" in line:
                name, _, value = line.partition(":")
                key = name.strip().lower()
                fields[key] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() not in {"no", "false"}:
            yield fields


def _suites(stanza: Mapping[str, str], wanted: set[str]) -> list[str]:
    return [suite for suite in stanza.get("suites", "").split() if suite in wanted]


def _render(stanza: Mapping[str, str], suites: list[str]) -> str:
    fields = {**stanza, "types": "deb", "suites": " ".join(suites)}
    # A value that begins on the next line, such as a key, has nothing on the first.
    return "".join(f"{key.title()}: {value}".replace(": \n", ":\n") + "\n" for key, value in fields.items())


def _shell_values(*keys: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    names = [f"V{index}" for index in range(len(keys))]
    words = [word for pair in zip(names, keys, strict=True) for word in pair]
    lines = _apt_config(["shell", *words], environ).splitlines()
    values = dict(line.partition("=")[::2] for line in lines)
    return tuple("".join(shlex.split(values.get(name, ""))) for name in names)


def _apt_config(words: list[str], environ: Mapping[str, str]) -> str:
    done = run_process(["apt-config", *words], env=environ, cwd=Path("/"), timeout_s=_TIMEOUT_S)
    return done.stdout.decode(errors="replace")
