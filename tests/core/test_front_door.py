from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import bindery.environments
from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from pathlib import Path

DOOR = """\
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from json import dumps
    from nowhere_at_all import missing
"""


def test_names_are_imported_when_they_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "door.py"
    source.write_text(DOOR, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("door")
    get = open_on_demand("door", str(source))
    assert get("dumps") is importlib.import_module("json").dumps
    assert module.dumps is get("dumps")
    with pytest.raises(ModuleNotFoundError):
        get("missing")
    with pytest.raises(AttributeError) as caught:
        get("loads")
    assert str(caught.value) == "module 'door' has no attribute 'loads'"


def test_every_name_of_the_front_door_is_there() -> None:
    for name in bindery.environments.__all__:
        assert getattr(bindery.environments, name) is not None
    assert len(bindery.environments.__all__) == len(set(bindery.environments.__all__))  # ruff holds their order
    # Importing a module sets its name in its package, over a function of the same name.
    modules = {module.name for module in pkgutil.iter_modules(bindery.environments.__path__)}
    assert modules & set(bindery.environments.__all__) == set()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("bindery.cli", {"rich", "rich_click", "pydantic", "yaml", "bindery.environments"}),
        ("bindery.environments", {"pydantic", "httpx", "rattler", "yaml", "bindery.environments.wheels"}),
        ("bindery.cli.diff", {"pydantic", "httpx", "rattler", "rich", "bindery.environments.wheels", "packaging"}),
        ("bindery.cli.check", {"pydantic", "httpx", "rattler", "rich", "bindery.environments.wheels", "packaging"}),
        ("bindery.cli.inspect", {"pydantic", "httpx", "rattler", "rich", "bindery.environments.wheels", "packaging"}),
    ],
)
def test_nothing_is_imported_that_is_not_needed(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert absent & set(done.stdout.splitlines()) == set()
