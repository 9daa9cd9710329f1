"""What packages set when they are activated, known before: scripts in the forms that conda-forge's packages have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.prefixes.conftest import CHANNEL, PLACEHOLDER, Packed, Recipe

from bindery.core import BadInput, NoProgress, Store, host_platform
from bindery.prefixes import ensure_linked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefixes.conftest import Realise

TARGET = "/srv/conda/envs/notebook"

GDAL = """\
#!/bin/bash
# Store existing vars, so that other installations do not get in the way.
if [[ -n "$GDAL_DATA" ]]; then
    export _CONDA_SET_GDAL_DATA=$GDAL_DATA
fi
if [ -d $CONDA_PREFIX/share/gdal ]; then
    export GDAL_DATA=$CONDA_PREFIX/share/gdal
    export GDAL_DRIVER_PATH=$CONDA_PREFIX/lib/gdalplugins
elif [ -d $CONDA_PREFIX/Library/share/gdal ]; then
    export GDAL_DATA=$CONDA_PREFIX/Library/share/gdal
fi
if [[ ! -d "$GDAL_DRIVER_PATH" ]]; then
    unset GDAL_DRIVER_PATH
fi
export CPL_ZIP_ENCODING=UTF-8
"""
PROJ = """\
#!/bin/sh
if [ -n "${PROJ_DATA:-}" ]; then
    export _CONDA_SET_PROJ_DATA="${PROJ_DATA}"
fi
if [ -d "${CONDA_PREFIX}/share/proj" ]; then
  export PROJ_DATA="${CONDA_PREFIX}/share/proj"
fi
if [ -f "${CONDA_PREFIX}/share/proj/copyright_and_licenses.csv" ]; then
  export PROJ_NETWORK="OFF"
else
  export PROJ_NETWORK="ON"
fi
"""
XML = """\
if test -n "${XML_CATALOG_FILES:-}"; then
    xml_catalog_files_libxml2="${XML_CATALOG_FILES}"
    XML_CATALOG_FILES="${XML_CATALOG_FILES} "
else
    xml_catalog_files_libxml2=""
    XML_CATALOG_FILES=""
fi
conda_catalog_files=""
ifs_libxml2="${IFS}"
IFS=" "
rem="${CONDA_PREFIX}"
for pre in ${rem}; do
    while test "${rem#"${pre}"}" = "${rem}"; do
        conda_catalog_files="${conda_catalog_files}%20"
        rem=${rem#" "}
    done
    conda_catalog_files="${conda_catalog_files}${pre}"
    rem=${rem#"${pre}"}
done
IFS="${ifs_libxml2}"
conda_catalog_files="file://${conda_catalog_files}/etc/xml/catalog"
export XML_CATALOG_FILES="${XML_CATALOG_FILES}${conda_catalog_files} file:///etc/xml/catalog"
unset conda_catalog_files ifs_libxml2 rem
"""
JAVA = """\
export CONDA_BACKUP_JAVA_HOME="${JAVA_HOME:-}"
export JAVA_HOME="$(dirname "$CONDA_PREFIX/lib/jvm/bin")"
"""
ARROW = """\
_la_log() {
    if [ "${LOGGING:-}" = "1" ]; then
        printf '%s\\n' "$*" | while IFS= read -r line; do echo "$line"; done
    fi
}
_la_log "Beginning libarrow activation."
_la_gdb_prefix="$CONDA_PREFIX/share/gdb/auto-load"
if [ ! -w "$_la_gdb_prefix" ]; then
    _la_log 'No rights to modify it'
    return
fi
mkdir -p "$_la_gdb_prefix/$CONDA_PREFIX/lib"
"""


def script(name: str, text: str) -> Recipe:
    """Return a package that has the script, and the data that it looks for."""
    path = f"etc/conda/activate.d/{name}_activate.sh"
    return Recipe(
        name=name,
        files={
            path: Packed(data=text.encode(), placeholder=PLACEHOLDER if PLACEHOLDER in text else None),
            f"share/{name}/data": Packed(data=b"1"),
        },
    )


def variables(store: Store, realise_packages: Realise, *recipes: Recipe) -> dict[str, str]:
    """Return what the packages set at the target."""
    linked = ensure_linked(realise_packages(*recipes), TARGET, store=store, progress=NoProgress())
    assert not any(path.startswith(f"share/gdb/auto-load{linked.root}") for path in linked.entries)
    return dict(linked.variables)


def test_real_scripts_name_the_target(store: Store, realise_packages: Realise) -> None:
    recipes = [script("gdal", GDAL), script("proj", PROJ), script("libxml2", XML), script("openjdk", JAVA)]
    assert variables(store, realise_packages, *recipes) == {
        "CONDA_BACKUP_JAVA_HOME": "",
        "CPL_ZIP_ENCODING": "UTF-8",
        "GDAL_DATA": f"{TARGET}/share/gdal",
        "JAVA_HOME": f"{TARGET}/lib/jvm",
        "PROJ_DATA": f"{TARGET}/share/proj",
        "PROJ_NETWORK": "ON",
        "XML_CATALOG_FILES": f"file://{TARGET}/etc/xml/catalog file:///etc/xml/catalog",
    }


def test_a_store_in_a_folder_with_spaces_changes_nothing(tmp_path: Path, realise_packages: Realise) -> None:
    for folder in ("plain", "a folder/with spaces"):
        found = variables(Store(tmp_path / folder), realise_packages, script("gdal", GDAL), script("libxml2", XML))
        assert found["GDAL_DATA"] == f"{TARGET}/share/gdal"
        assert found["XML_CATALOG_FILES"] == f"file://{TARGET}/etc/xml/catalog file:///etc/xml/catalog"


def test_a_prefix_cannot_be_written_so_nothing_is_tried(store: Store, realise_packages: Realise) -> None:
    arrow = script("libarrow", ARROW)
    gdb = Packed(data=b"1")
    recipe = Recipe(name="libarrow", files={**arrow.files, "share/gdb/auto-load/it.py": gdb})
    assert variables(store, realise_packages, recipe) == {}


def test_files_of_variables_come_first_and_later_scripts_see_them(store: Store, realise_packages: Realise) -> None:
    files = {
        "etc/conda/env_vars.d/a.json": Packed(
            data=f'{{"FIRST": "{PLACEHOLDER}/a", "GONE": "1"}}'.encode(), placeholder=PLACEHOLDER
        ),
        "etc/conda/activate.d/a.sh": Packed(data=b'export SECOND="$FIRST/b"; unset GONE\n'),
        "etc/conda/activate.d/b.sh": Packed(
            data=f'if [ -f "{PLACEHOLDER}/share/c" ]; then export THIRD="$SECOND/c"; fi\n'.encode(),
            placeholder=PLACEHOLDER,
        ),
        "share/c": Packed(data=b"1"),
    }
    assert variables(store, realise_packages, Recipe(name="many", files=files)) == {
        "FIRST": f"{TARGET}/a",
        "SECOND": f"{TARGET}/a/b",
        "THIRD": f"{TARGET}/a/b/c",
    }


def test_scripts_see_nothing_of_whoever_builds(
    store: Store, realise_packages: Realise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "planted")
    assert "SECRET_TOKEN" in os.environ
    text = 'export SEEN="$(set | grep -c planted)"\n'
    assert variables(store, realise_packages, script("spy", text)) == {"SEEN": "0"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("export X=$HOME/cache", "X depends on who activates it, when or where"),
        ("export X=$(cd ~ && pwd)", "X depends on who activates it, when or where"),
        ('if [ "$USER" = one ]; then export X=1; fi', "X depends on who activates it, when or where"),
        ("export X=$$", "X depends on who activates it, when or where"),
        ("export X=$UID", "it asks for UID"),
        ("export X=$(date)", "it runs date"),
        ("export X=$(python -c 'print(1)')", "it runs python"),
        ('export X=$("$CONDA_PREFIX/bin/tool")', 'it runs "$CONDA_PREFIX/bin/tool"'),
        ("/bin/true", "it runs /bin/true"),
        ("mkdir -p $CONDA_PREFIX/new", "it runs mkdir"),
        ("echo 1 > $CONDA_PREFIX/new", "it writes into the prefix"),
        ("echo 1 > $HOME/new", "it writes files"),
        ("echo 1 > /dev/tcp/localhost/1", "it asks the network"),
        ("export X=$(readlink -f $CONDA_PREFIX)", "X names the folder where the prefix lies now"),
        ("greet() { echo hello; }", "it defines the function greet"),
        ("_greet() { echo hello; }; export -f _greet", "it exports a function"),
        ("alias x=y", "it says alias"),
        (". $CONDA_PREFIX/etc/more.sh", "it reads another script"),
        ("command -v gdal", "it asks for programs"),
        ("export PATH=$CONDA_PREFIX/more:$PATH", "it changes PATH"),
        ("exit 0", "it does not come to its end"),
        ("if true; then", "bash cannot read it"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_name(
    store: Store, realise_packages: Realise, text: str, why: str
) -> None:
    with pytest.raises(BadInput) as caught:
        variables(store, realise_packages, script("sly", text + "\n"))
    assert str(caught.value) == (
        f"{CHANNEL}/{host_platform()}/sly-1.0-0.conda: etc/conda/activate.d/sly_activate.sh cannot be worked out "
        f"before it runs: {why}\n  fix: leave sly out, or take a version of it whose script only sets variables"
    )
    assert not [path for path in (store.root / "linked").iterdir() if not path.name.startswith(".")]


def test_a_script_that_does_not_end_is_ended(
    store: Store, realise_packages: Realise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bindery.prefixes.activation.TIMEOUT_S", 0.5)
    with pytest.raises(BadInput, match=r"before it runs: it takes longer than 0\.5 s\n"):
        variables(store, realise_packages, script("slow", "while true; do :; done\n"))
