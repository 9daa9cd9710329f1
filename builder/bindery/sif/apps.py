"""The apps of our images: what ``singularity run --app NAME`` starts.

Source: the Scientific Filesystem (https://sci-f.github.io), of which Singularity looks at ``/scif/apps/NAME/scif``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bindery.core.tarstreams import TarMember, bytes_member, folder_member

FILES = Path(__file__).with_name("runtime")


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """One app, by its name: a script, and what ``run-help --app`` prints."""

    name: str
    runscript: str
    help_text: str

    @property
    def folder(self) -> str:
        """Where it is in the image."""
        return f"scif/apps/{self.name}"


def our_apps() -> tuple[App, ...]:
    """Return the apps that every image of ours has, by name."""
    return tuple(
        App(name=name, runscript=runtime_text(f"{name}.sh"), help_text=runtime_text(f"{name}.help"))
        for name in ("jupyter", "notebook", "worker")
    )


def app_members(app: App) -> tuple[TarMember, ...]:
    """Return the files and folders of an app."""
    return (
        folder_member(app.folder),
        folder_member(f"{app.folder}/scif"),
        bytes_member(f"{app.folder}/scif/runscript", app.runscript.encode(), 0o755),
        bytes_member(f"{app.folder}/scif/runscript.help", app.help_text.encode()),
    )


def runtime_text(name: str) -> str:
    """Return a file that goes into images as it is."""
    return (FILES / name).read_text(encoding="utf-8")
