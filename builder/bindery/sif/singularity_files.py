"""What Singularity looks for in an image: the scripts of ``/.singularity.d``, and what ``inspect`` shows.

An image of ours, which its labels say, runs as ``runtime/runscript.help`` has it. Any other image gets what
``apptainer build`` would give it.

Source: what Apptainer 1.4 builds and reads, and Singularity 3.5 before it, whose actions stand in the image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bindery.core import encode_json
from bindery.core.tarstreams import TarMember, bytes_member, folder_member, link_member
from bindery.sif.apps import app_members, our_apps, runtime_text
from bindery.sif.environment_scripts import foreign_variables, our_variables, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Json
    from bindery.images import ImageConfig

FOLDER = ".singularity.d"
VARIABLES = f"{FOLDER}/env/10-docker2singularity.sh"
RUNSCRIPT = f"{FOLDER}/runscript"
STARTSCRIPT = f"{FOLDER}/startscript"
TEST = f"{FOLDER}/test"
HELP = f"{FOLDER}/runscript.help"
LOCK_LABEL = "bindery.lock.digest"
SCHEMA = "org.label-schema"
EMPTY_SCRIPT = "#!/bin/sh\n"
MOUNTED = ("dev", "etc", "home", "proc", "root", "sys", "var")
LINKS = {
    "singularity": RUNSCRIPT,
    "environment": f"{FOLDER}/env/90-environment.sh",
    ".run": f"{FOLDER}/actions/run",
    ".exec": f"{FOLDER}/actions/exec",
    ".shell": f"{FOLDER}/actions/shell",
    ".test": f"{FOLDER}/actions/test",
}


def is_ours(config: ImageConfig) -> bool:
    """Return whether Bindery made the image."""
    return LOCK_LABEL in config.labels


def singularity_members(config: ImageConfig) -> tuple[TarMember, ...]:
    """Return what is laid over the image's own; folders, links and empty files only where the image has nothing."""
    scripts = {
        f"{FOLDER}/actions/{name}": runtime_text(f"{name}.sh") for name in ("exec", "run", "shell", "test", "start")
    }
    scripts |= _scripts(config)
    data = {
        f"{FOLDER}/labels.json": encode_json(_labels(config), indent=4),
        f"{FOLDER}/Singularity": encode_deffile(config),
    }
    folders = [FOLDER, *(f"{FOLDER}/{name}" for name in ("actions", "env", "libs"))]
    apps: tuple[TarMember, ...] = ()
    if is_ours(config):
        scripts |= {f"{FOLDER}/bindery/{name}": runtime_text(name) for name in ("enter.sh", "lab.py")}
        name = "jupyter_server_config.json"
        data |= {HELP: _help(config).encode(), f"{FOLDER}/bindery/{name}": runtime_text(name).encode()}
        data["etc/profile.d/zz-singularity.sh"] = runtime_text("profile.sh").encode()
        folders += [f"{FOLDER}/bindery", "scif", "scif/apps"]
        apps = tuple(member for app in our_apps() for member in app_members(app))
    return (
        *map(folder_member, (*MOUNTED, *folders)),
        *(replace(folder_member(path), mode=0o1777) for path in ("tmp", "var/tmp")),
        *(bytes_member(path, b"") for path in ("etc/hosts", "etc/resolv.conf")),
        *(bytes_member(path, text.encode(), 0o755) for path, text in scripts.items()),
        *(bytes_member(path, text) for path, text in data.items()),
        *(link_member(path, target) for path, target in LINKS.items()),
        *apps,
    )


def encode_deffile(config: ImageConfig) -> bytes:
    """Return the definition file: which image it was."""
    return f"bootstrap: oci\nfrom: {config.digest}\n".encode()


def inspect_metadata(config: ImageConfig, deffile: bytes) -> bytes:
    """Return the JSON that ``inspect`` reads."""
    scripts = _scripts(config)
    attributes: dict[str, Json] = {
        "environment": {
            f"/{path}": text.strip() for path, text in scripts.items() if path in {VARIABLES, LINKS["environment"]}
        },
        "labels": _labels(config),
        "runscript": scripts[RUNSCRIPT].strip(),
        "startscript": scripts[STARTSCRIPT].strip(),
        "deffile": deffile.decode().strip(),
    }
    if is_ours(config):
        attributes["test"] = scripts[TEST].strip()
        attributes["helpfile"] = _help(config).strip()
        attributes["apps"] = {
            app.name: {"runscript": app.runscript.strip(), "helpfile": app.help_text.strip()} for app in our_apps()
        }
    return encode_json({"data": {"attributes": attributes}, "type": "container"})


def _scripts(config: ImageConfig) -> dict[str, str]:
    """Return what is read before anything is started, and what is started."""
    found = {
        f"{FOLDER}/env/01-base.sh": EMPTY_SCRIPT,
        LINKS["environment"]: EMPTY_SCRIPT,
        f"{FOLDER}/env/95-apps.sh": runtime_text("apps.sh"),
        # Apptainer reads --env right after the file of this name.
        f"{FOLDER}/env/99-base.sh": runtime_text("base.sh"),
    }
    if not is_ours(config):
        return {
            **found,
            VARIABLES: foreign_variables(config.env),
            RUNSCRIPT: _foreign_runscript(config),
            STARTSCRIPT: EMPTY_SCRIPT,
        }
    return {
        **found,
        f"{FOLDER}/env/02-host.sh": runtime_text("host.sh"),
        VARIABLES: our_variables(config.env),
        RUNSCRIPT: runtime_text("lab.sh"),
        STARTSCRIPT: runtime_text("startscript.sh"),
        TEST: runtime_text("checks.sh"),
    }


def _foreign_runscript(config: ImageConfig) -> str:
    command = config.cmd if config.entrypoint or config.cmd else ("/bin/sh",)
    return (
        runtime_text("foreign.sh")
        + (f"[ $# -gt 0 ] || set -- {words(command)}\n" if command else "")
        + f'exec {words(config.entrypoint)} "$@"\n'.replace("exec  ", "exec ")
    )


def _labels(config: ImageConfig) -> dict[str, Json]:
    deffile = f"{SCHEMA}.usage.singularity.deffile"
    found: Mapping[str, Json] = {
        **config.labels,
        f"{SCHEMA}.build-arch": config.architecture,
        f"{SCHEMA}.schema-version": "1.0",
        f"{deffile}.bootstrap": "oci",
        f"{deffile}.from": str(config.digest),
    }
    usage = {f"{SCHEMA}.usage": f"/{HELP}", f"{SCHEMA}.usage.singularity.runscript.help": f"/{HELP}"}
    return {**found, **(usage if is_ours(config) else {})}


def _help(config: ImageConfig) -> str:
    environment = config.labels.get("bindery.environment", "")
    release = config.labels.get("bindery.release", "")
    named = f"{environment}@{release}" if release else environment
    text = runtime_text("runscript.help").replace("@ENVIRONMENT@", named)
    return text.replace("@LOCK@", config.labels[LOCK_LABEL])
