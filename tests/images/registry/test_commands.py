"""``bindery push``, ``pull`` and ``load``: what they print, and what they did."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.images.registry.conftest import Place, make_image, open_quickly
from tests.testbed.registry import run_registry
from tests.testbed.shell import make_shell_image

from bindery.cli.main import run
from bindery.core import Store
from bindery.images import read_image, store_layout
from bindery.images.annotations import BASE_NAME, REVISION, SOURCE, VERSION
from bindery.images.registry import find_referrers, parse_reference, read_document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.certificates import Certificates
    from tests.testbed.engine import Engine
    from tests.testbed.fault_proxy import FaultProxy
    from tests.testbed.registry import Registry

    from bindery.images.layout import Layout

pytestmark = pytest.mark.testbed
COMMIT = "0123456789abcdef0123456789abcdef01234567"
RELEASED = {VERSION: "2025.08.14", REVISION: COMMIT, SOURCE: "https://github.com/a/b"}
FORMS = "NAME[:TAG], sha256:DIGITS or oci:FOLDER[:TAG]"


@pytest.fixture
def stored(tmp_path: Path, home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Return the layout of the store that commands use, without credentials of ours."""
    monkeypatch.setenv("BINDERY_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HOME", home["HOME"])
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    return store_layout(Store(tmp_path / "store"))


def test_an_image_gets_the_tags_that_it_has_a_right_to(
    registry: Registry, stored: Layout, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(stored, "pangeo:2025.08.14", annotations=RELEASED)
    repository = f"{registry.host}/commands/own"
    assert run(["push", "pangeo:2025.08.14", repository, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{repository}:2025.08.14@{image.digest}\n"
    assert captured.err == ""
    with open_quickly(Place(registry.host, home)) as client:
        for tag in ("2025.08.14", COMMIT, "latest"):
            assert client.find_manifest(parse_reference(f"{repository}:{tag}")) == image.digest


def test_tags_that_are_given_are_the_only_ones(
    registry: Registry, stored: Layout, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(stored, "pangeo", annotations=RELEASED)
    assert run(["push", "pangeo", f"{registry.host}/commands/given:one", "--tag", "two"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{registry.host}/commands/given:one@{image.digest}\n"
    assert captured.err.splitlines()[-1] == (
        f"{registry.host}/commands/given: one, two: sent 4 of 4 blobs, 3.1 MB; "
        "0 were there, 0 came from other repositories"
    )
    with open_quickly(Place(registry.host, home)) as client:
        found = [
            client.find_manifest(parse_reference(f"{registry.host}/commands/given:{tag}"))
            for tag in ("one", "two", "latest")
        ]
    assert found == [image.digest, image.digest, None]


def test_a_dry_run_sends_nothing(fault_proxy: FaultProxy, stored: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    image = make_image(stored, "pangeo", seed=400)
    assert run(["push", "pangeo", f"{fault_proxy.host}/commands/dry:1", "--dry-run", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "schema": 1,
        "digest": str(image.digest),
        "pushed": False,
        "repositories": [
            {
                "repository": f"{fault_proxy.host}/commands/dry",
                "tags": ["1"],
                "blobs": 4,
                "missing": 4,
                "missing_bytes": 3_100_367,
                "referrers": [],
                "sent_bytes": 0,
                "mounted": 0,
            }
        ],
    }
    assert captured.err == (f"{fault_proxy.host}/commands/dry: 1: would send 4 of 4 blobs, at most 3.1 MB\n")
    assert {one.method for one in fault_proxy.passed} == {"GET", "HEAD"}


def test_binderhub_finds_the_image_and_nothing_is_sent_twice(
    registry: Registry, stored: Layout, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(stored, "pangeo", seed=401, annotations=RELEASED)
    words = ["push", "pangeo", f"{registry.host}/commands/hub:1", "--binderhub", f"{registry.host}/binder-", "--json"]
    assert run(words) == 0
    first, second = json.loads(capsys.readouterr().out)["repositories"]
    assert (first["sent_bytes"], second["sent_bytes"], second["mounted"]) == (first["missing_bytes"], 0, 4)
    assert (second["repository"], second["tags"]) == (f"{registry.host}/binder-a-2db-d44362", [COMMIT])
    with open_quickly(Place(registry.host, home)) as client:
        name = f"{registry.host}/binder-a-2db-d44362:{COMMIT}"
        assert client.find_manifest(parse_reference(name)) == image.digest


def test_layers_of_the_base_are_mounted_from_its_repository(
    registry: Registry, stored: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(stored, "base", seed=402)
    make_image(stored, "image", seed=402, annotations={BASE_NAME: f"{registry.host}/commands/base:1"})
    assert run(["push", "base", f"{registry.host}/commands/base:1", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["push", "image", f"{registry.host}/commands/based:1", "--quiet", "--json"]) == 0
    (done,) = json.loads(capsys.readouterr().out)["repositories"]
    assert (done["mounted"], done["sent_bytes"]) == (4, 0)


def test_a_list_of_materials_goes_with_the_image(
    registry: Registry, stored: Layout, home: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(stored, "pangeo", seed=403)
    sbom = tmp_path / "sbom.json"
    sbom.write_text('{"bomFormat": "CycloneDX", "components": []}', encoding="utf-8")
    for _ in range(2):
        words = ["push", "pangeo", f"{registry.host}/commands/sbom:1", "--sbom", str(sbom), "--json", "--quiet"]
        assert run(words) == 0
        (done,) = json.loads(capsys.readouterr().out)["repositories"]
        assert len(done["referrers"]) == 1
    repository = parse_reference(f"{registry.host}/commands/sbom")
    with open_quickly(Place(registry.host, home)) as client:
        (found,) = find_referrers(client, repository, image.digest, "application/vnd.cyclonedx+json")
        assert read_document(client, repository, found) == sbom.read_bytes()


@pytest.mark.parametrize("text", ["{", "[]", '{"bomFormat": "SPDX"}'])
def test_what_is_no_list_of_materials_is_refused(
    stored: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    make_image(stored, "pangeo")
    sbom = tmp_path / "sbom.json"
    sbom.write_text(text, encoding="utf-8")
    assert run(["push", "pangeo", "127.0.0.1:9/x", "--sbom", str(sbom)]) == 3
    assert capsys.readouterr().err == (
        f"error: {sbom}: is no list of materials in CycloneDX's JSON\n  fix: bindery export --format cyclonedx\n"
    )


def test_an_image_that_is_not_from_a_repository_has_no_name_for_binderhub(
    stored: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(stored, "pangeo", annotations={REVISION: COMMIT})
    assert run(["push", "pangeo", "127.0.0.1:9/x", "--binderhub", "127.0.0.1:9/binder-"]) == 2
    assert capsys.readouterr().err == (
        "error: pangeo: does not say of which repository and revision it is, and BinderHub looks for it by them\n"
        "  fix: build it from a repository's URL\n"
    )


def test_nothing_is_pushed_to_a_digest(stored: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    digest = make_image(stored, "pangeo").digest
    assert run(["push", "pangeo", f"127.0.0.1:9/x@{digest}"]) == 2
    assert capsys.readouterr().err == (
        f"error: 127.0.0.1:9/x@{digest}: an image is pushed to a tag, and has the digest that it has\n"
        "  fix: leave the digest out\n"
    )


def test_only_images_of_this_machine_are_pushed(stored: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    del stored
    assert run(["push", "docker://quay.io/a/b", "127.0.0.1:9/x"]) == 2
    assert capsys.readouterr().err == (
        f"error: docker://quay.io/a/b: is not an image on this machine\n  fix: use {FORMS}\n"
    )


def test_a_layout_with_one_image_needs_no_name(
    registry: Registry, layout: Layout, stored: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    del stored
    image = make_image(layout, "only")
    assert run(["push", f"oci:{layout.root}", f"{registry.host}/commands/layout:1", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{registry.host}/commands/layout:1@{image.digest}\n"
    make_image(layout, "other", seed=2)
    assert run(["push", f"oci:{layout.root}", f"{registry.host}/commands/layout:1"]) == 3
    assert capsys.readouterr().err == (
        f"error: oci:{layout.root}: has 2 images with names\n"
        f"  fix: use oci:{layout.root}:only or oci:{layout.root}:other\n"
    )


def test_images_of_two_platforms_are_pushed_under_one_name(
    registry: Registry, stored: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = {VERSION: "2025.08.14"}
    for architecture in ("arm64", "amd64"):
        own = {**shared, "of": architecture}
        make_image(stored, f"pangeo:{architecture}", architecture=architecture, annotations=own)
    repository = f"{registry.host}/commands/platforms"
    said = []
    for images in (("pangeo:arm64", "pangeo:amd64"), ("pangeo:amd64", "pangeo:arm64")):
        assert run(["push", *images, repository, "--quiet"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].startswith(f"{repository}:2025.08.14@sha256:")
    inspected = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{repository}:latest"],
        capture_output=True,
        check=True,
    )
    index = json.loads(inspected.stdout)
    assert [one["platform"]["architecture"] for one in index["manifests"]] == ["amd64", "arm64"]
    assert index["annotations"] == shared
    assert run(["pull", repository, "--platform", "linux-aarch64", "--name", "arm", "--quiet"]) == 0
    assert read_image(stored, "arm").config.architecture == "arm64"


def test_two_images_of_one_platform_are_not_put_under_one_name(
    stored: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = make_image(stored, "one"), make_image(stored, "two", seed=2)
    assert run(["push", "one", "two", "127.0.0.1:9/x"]) == 3
    assert capsys.readouterr().err == (
        f"error: {stored.root}: two images are for linux/amd64: {one.digest} and {two.digest}\n"
        "  fix: name one image for each platform\n"
    )


def test_images_of_two_places_are_not_put_under_one_name(
    stored: Layout, layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(stored, "one")
    make_image(layout, "two", architecture="arm64")
    assert run(["push", "one", f"oci:{layout.root}", "127.0.0.1:9/x"]) == 2
    assert capsys.readouterr().err == (
        f"error: oci:{layout.root}: is not where one is\n  fix: build them into one store\n"
    )


def test_what_was_pushed_is_pulled_under_its_reference_or_another_name(
    registry: Registry, layout: Layout, stored: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(layout, "image", seed=404)
    repository = f"{registry.host}/commands/pull"
    assert run(["push", f"oci:{layout.root}", repository, "--quiet"]) == 0
    capsys.readouterr()
    assert run(["pull", repository]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{repository}:latest@{image.digest}\n"
    assert captured.err.splitlines()[-1] == f"{repository}: fetched 4 of 4 blobs, 3.1 MB"
    assert run(["pull", f"{repository}@{image.digest}", "--name", "mine:1", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "name": "mine:1",
        "digest": str(image.digest),
        "pulled": True,
        "blobs": 4,
        "missing": 0,
        "missing_bytes": 0,
    }
    for name in (f"{repository}:latest", "mine:1"):
        assert read_image(stored, name).digest == image.digest


def test_a_dry_run_fetches_nothing(
    registry: Registry, layout: Layout, stored: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(layout, "image", seed=405)
    repository = f"{registry.host}/commands/pull-dry"
    assert run(["push", f"oci:{layout.root}", repository, "--quiet"]) == 0
    assert run(["pull", repository, "--dry-run"]) == 0
    assert capsys.readouterr().err == f"{repository}: would fetch 4 of 4 blobs, 3.1 MB\n"
    assert stored.names() == {}


def test_plain_http_is_not_spoken_where_tls_is(
    stored: Layout, certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(stored, "pangeo")
    with run_registry(tmp_path / "registry", certificates=certificates) as closed:
        assert run(["push", "pangeo", f"{closed.host}/x", "--plain-http"]) == 4
    assert capsys.readouterr().err == f"error: {closed.host}: is no registry: it answers to /v2/ with status 400\n"


def test_an_image_is_loaded_into_an_engine(
    docker_engine: Engine,
    stored: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shell_archive: Path,
) -> None:
    make_shell_image(shell_archive, stored, "commands-load:1")
    image = read_image(stored, "commands-load:1")
    for name, value in docker_engine.environ.items():
        monkeypatch.setenv(name, value)
    assert run(["load", "commands-load:1", "--quiet"]) == 0
    assert capsys.readouterr().out == "commands-load:1\n"
    form = ["image", "inspect", "--format", "{{.Id}}"]
    assert docker_engine.run(*form, "commands-load:1").stdout == f"{image.config.digest}\n"
    assert run(["load", str(image.digest), "--tag", "commands-named", "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "name": "commands-named:latest",
        "digest": str(image.digest),
        "config": str(image.config.digest),
    }
    assert docker_engine.run(*form, "commands-named:latest").stdout == f"{image.config.digest}\n"


def test_an_image_without_a_name_needs_one(stored: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    digest = make_image(stored, "pangeo").digest
    assert run(["load", str(digest)]) == 2
    assert capsys.readouterr().err == (
        f"error: {digest}: has no name that an engine could call it by\n  fix: name it: --tag NAME:TAG\n"
    )
