"""Where credentials come from, with real helper programs on PATH, and that no secret is ever shown."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, ToolFailed
from bindery.images.registry import Credential, CredentialPlaces

if TYPE_CHECKING:
    from bindery.core import Json

SECRET = "s3cr3t:with:colons"  # noqa: S105
HOST = "registry.example.org:5000"


def auth(user: str = "ann", secret: str = SECRET) -> str:
    return base64.b64encode(f"{user}:{secret}".encode()).decode()


@pytest.fixture
def config(home: dict[str, str]) -> Path:
    """Return the path of Docker's configuration, which is not there yet."""
    path = Path(home["HOME"]) / ".docker" / "config.json"
    path.parent.mkdir()
    return path


@pytest.fixture
def programs(home: dict[str, str], tmp_path: Path) -> Path:
    """Return a folder on PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    home["PATH"] = f"{folder}:{home['PATH']}"
    return folder


def write_helper(folder: Path, script: str, name: str = "docker-credential-vault") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def find(
    home: dict[str, str], document: Json = None, host: str = HOST, config: Path | None = None
) -> Credential | None:
    if config is not None:
        config.write_text(json.dumps(document), encoding="utf-8")
    return CredentialPlaces(environ=home).find(host)


def test_nothing_is_found_where_nothing_is(home: dict[str, str]) -> None:
    assert find(home) is None


@pytest.mark.parametrize(
    ("key", "host"),
    [
        (HOST, HOST),
        (f"https://{HOST}", HOST),
        (f"https://{HOST}/v1/", HOST),
        (f"http://{HOST}/v2/", HOST),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("docker.io", "registry-1.docker.io"),
    ],
)
def test_hosts_are_found_as_docker_writes_them(home: dict[str, str], config: Path, key: str, host: str) -> None:
    found = find(home, {"auths": {"other.example.org": {"auth": auth("bob")}, key: {"auth": auth()}}}, host, config)
    assert found == Credential(user="ann", secret=SECRET, source=str(config))


def test_another_host_gets_nothing(home: dict[str, str], config: Path) -> None:
    document: Json = {"auths": {HOST: {"auth": auth()}, "example.org": {"auth": auth()}}}
    assert find(home, document, "registry.example.org", config) is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"username": "ann", "password": "x"}, ("ann", "x", "password")),
        ({"auth": auth("ann", "x\0")}, ("ann", "x", "password")),
        ({"auth": auth("<token>", ""), "identitytoken": "i"}, ("<token>", "i", "identity-token")),
        ({"registrytoken": "r"}, ("", "r", "registry-token")),
    ],
)
def test_every_form_of_an_entry_is_read(
    home: dict[str, str], config: Path, entry: Json, expected: tuple[str, str, str]
) -> None:
    found = find(home, {"auths": {HOST: entry}}, HOST, config)
    assert found is not None
    assert (found.user, found.secret, found.kind) == expected


def test_an_entry_of_a_credential_store_holds_nothing(home: dict[str, str], config: Path) -> None:
    assert find(home, {"auths": {HOST: {}}}, HOST, config) is None


def test_docker_config_names_another_folder(home: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    home["DOCKER_CONFIG"] = str(folder)
    assert find(home, {"auths": {HOST: {"auth": auth()}}}, HOST, folder / "config.json") is not None


@pytest.mark.parametrize("section", ["credsStore", "credHelpers"])
def test_a_helper_is_asked_for_the_host(home: dict[str, str], config: Path, programs: Path, section: str) -> None:
    write_helper(
        programs, f"""test "$1" = get && cat > {programs}/asked && echo '{{"Username": "ann", "Secret": "x"}}'"""
    )
    value: Json = "vault" if section == "credsStore" else {HOST: "vault"}
    # Docker prefers a helper to what stands beside it.
    found = find(home, {section: value, "auths": {HOST: {"auth": auth("bob")}}}, HOST, config)
    assert found == Credential(user="ann", secret="x", source="docker-credential-vault")  # noqa: S106
    assert (programs / "asked").read_text() == HOST


def test_a_helper_of_the_host_goes_before_the_store(home: dict[str, str], config: Path, programs: Path) -> None:
    write_helper(programs, """cat >&2; exit 1""", "docker-credential-store")
    write_helper(programs, """cat > /dev/null; echo '{"Username": "<token>", "Secret": "x"}'""")
    found = find(home, {"credsStore": "store", "credHelpers": {HOST: "vault"}}, HOST, config)
    assert found is not None
    assert found.kind == "identity-token"


def test_what_a_helper_does_not_have_is_looked_for_in_the_file(
    home: dict[str, str], config: Path, programs: Path
) -> None:
    write_helper(programs, "cat > /dev/null; echo 'credentials not found in native keychain'; exit 1")
    found = find(home, {"credsStore": "vault", "auths": {HOST: {"auth": auth()}}}, HOST, config)
    assert found == Credential(user="ann", secret=SECRET, source=str(config))
    assert find(home, {"credsStore": "vault"}, HOST, config) is None


def test_docker_hub_is_asked_for_by_its_oldest_name(home: dict[str, str], config: Path, programs: Path) -> None:
    write_helper(programs, f"""cat > {programs}/asked; echo '{{"Username": "ann", "Secret": "x"}}'""")
    assert find(home, {"credsStore": "vault"}, "registry-1.docker.io", config) is not None
    assert (programs / "asked").read_text() == "https://index.docker.io/v1/"


def test_a_helper_that_fails_is_told_without_what_it_printed(
    home: dict[str, str], config: Path, programs: Path
) -> None:
    write_helper(programs, f"cat > /dev/null; echo {SECRET}; exit 3")
    with pytest.raises(ToolFailed) as caught:
        find(home, {"credsStore": "vault"}, HOST, config)
    assert str(caught.value) == (
        f"docker-credential-vault: ended with status 3 when asked for {HOST}\n"
        f"  fix: run: echo {HOST} | docker-credential-vault get"
    )


@pytest.mark.parametrize("answer", [SECRET, '{"Username": "ann"}', '{"Username": 1, "Secret": "x"}', "[]"])
def test_a_helper_that_answers_nonsense_is_told(
    home: dict[str, str], config: Path, programs: Path, answer: str
) -> None:
    write_helper(programs, f"cat > /dev/null; echo '{answer}'")
    with pytest.raises(BadInput) as caught:
        find(home, {"credsStore": "vault"}, HOST, config)
    assert str(caught.value) == "docker-credential-vault: did not answer with a Username and a Secret"


def test_a_helper_that_is_not_there_is_told(home: dict[str, str], config: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        find(home, {"credsStore": "nowhere"}, HOST, config)
    assert str(caught.value) == "docker-credential-nowhere get: cannot be started: No such file or directory"


def test_a_helper_is_no_path(home: dict[str, str], config: Path) -> None:
    with pytest.raises(BadInput) as caught:
        find(home, {"credsStore": "../../bin/x"}, HOST, config)
    assert str(caught.value) == f"{config}: '../../bin/x' cannot be the name of a credential helper"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "is not a JSON object"),
        ("[]", "is not a JSON object"),
        (json.dumps({"auths": {HOST: {"auth": SECRET}}}), f"auths.{HOST}.auth is not the base64 of user:password"),
        (json.dumps({"auths": {HOST: {"auth": "YWJj"}}}), f"auths.{HOST}.auth is not the base64 of user:password"),
        (json.dumps({"auths": {HOST: SECRET}}), f"auths.{HOST} is text, not an object"),
        (json.dumps({"auths": 1}), "auths is a number, not an object"),
    ],
)
def test_a_damaged_configuration_is_told_without_its_secrets(
    home: dict[str, str], config: Path, text: str, what: str
) -> None:
    config.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        find(home)
    assert str(caught.value) == f"{config}: {what}"


def test_what_binderhub_hands_in_goes_first(home: dict[str, str], config: Path) -> None:
    handed: Json = {"registry": f"https://{HOST}", "username": "hub", "password": SECRET}
    home["CONTAINER_ENGINE_REGISTRY_CREDENTIALS"] = json.dumps(handed)
    document: Json = {"auths": {HOST: {"auth": auth()}, "b.example.org": {"auth": auth("bob")}}}
    found = find(home, document, HOST, config)
    assert found == Credential(user="hub", secret=SECRET, source="CONTAINER_ENGINE_REGISTRY_CREDENTIALS")
    other = find(home, document, "b.example.org", config)
    assert other is not None
    assert other.user == "bob"


@pytest.mark.parametrize(
    ("text", "what"), [(SECRET, "is not a JSON object"), ('{"username": "a"}', "password is missing")]
)
def test_what_is_handed_in_and_cannot_be_read_is_told_without_it(home: dict[str, str], text: str, what: str) -> None:
    home["CONTAINER_ENGINE_REGISTRY_CREDENTIALS"] = text
    with pytest.raises(BadInput) as caught:
        find(home, host="registry-1.docker.io")
    assert str(caught.value) == f"CONTAINER_ENGINE_REGISTRY_CREDENTIALS: {what}"


def test_a_secret_is_not_in_the_repr() -> None:
    assert SECRET not in repr(Credential(user="ann", secret=SECRET, source="x"))
