"""The lines of a Dockerfile for what has to run inside an image."""

from __future__ import annotations

import pytest

from bindery.core import BadInput
from bindery.images.docker_engine import RunSteps, ca_secret, render_dockerfile, secret_ids

CACHE = "--mount=type=cache,id=bindery-1000,target=/run/bindery/cache,uid=1000,gid=1000,mode=0755"
CACHES = (
    "PIP_CACHE_DIR=/run/bindery/cache/pip UV_CACHE_DIR=/run/bindery/cache/uv npm_config_cache=/run/bindery/cache/npm"
)


def test_an_image_in_which_nothing_runs_is_the_one_below() -> None:
    assert render_dockerfile(RunSteps(repository="/srv/repo", uid=1000), "below:1") == "FROM below:1\n"


def test_post_build_runs_in_the_repository_as_its_owner() -> None:
    steps = RunSteps(repository="/srv/repo", uid=1000, post_build="binder/postBuild")
    assert render_dockerfile(steps, "below:1") == (
        "FROM below:1\n"
        "USER 1000:1000\n"
        "WORKDIR /srv/repo\n"
        f"RUN {CACHE} \\\n"
        f"    export {CACHES} && \\\n"
        "    chmod +x ./binder/postBuild && ./binder/postBuild\n"
    )


def test_secrets_are_mounted_and_certificates_are_found() -> None:
    steps = RunSteps(repository="/srv/repo", uid=1001, post_build="postBuild")
    rendered = render_dockerfile(steps, "below:1", ["token", "bindery-ca"])
    assert "--mount=type=secret,id=token,uid=1001,gid=1001,required \\\n" in rendered
    assert "--mount=type=secret,id=bindery-ca,uid=1001,gid=1001,required \\\n" in rendered
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"):
        assert f" {name}=/run/secrets/bindery-ca " in rendered.replace(" &&", " ")
    assert "ENV" not in rendered


def test_packages_come_first_and_the_appendix_last() -> None:
    steps = RunSteps(
        repository="/srv/repo", uid=1000, apt_packages=("gdal-bin", "less"), post_build="postBuild", appendix="ENV A=1"
    )
    lines = render_dockerfile(steps, "below:1").splitlines()
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER root", "USER 1000:1000"]
    assert lines[-2:] == ["# Appendix:", "ENV A=1"]
    packages = next(index for index, line in enumerate(lines) if "--no-install-recommends gdal-bin less" in line)
    assert packages < next(index for index, line in enumerate(lines) if "postBuild" in line)


def test_after_packages_alone_the_user_is_the_owner_again() -> None:
    steps = RunSteps(repository="/srv/repo", uid=1000, apt_packages=("less",))
    assert render_dockerfile(steps, "below:1").splitlines()[-1] == "USER 1000:1000"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ()),
        (["--secret", "id=token,src=/somewhere"], ("token",)),
        (["--network", "host", "--secret=type=env,id=token,env=TOKEN", "--secret", "id=other"], ("token", "other")),
        (["--secret", "id=token,src=/a", "--secret", "id=token,src=/b"], ("token",)),
        (["--secret"], ()),
    ],
)
def test_ids_of_secrets_are_found_in_the_arguments(arguments: list[str], expected: tuple[str, ...]) -> None:
    assert secret_ids(arguments) == expected


def test_an_id_that_is_no_file_name_is_refused() -> None:
    with pytest.raises(BadInput) as raised:
        secret_ids(["--secret", "id=../etc/passwd"])
    assert str(raised.value) == (
        "--secret: '../etc/passwd' cannot be the id of a secret\n  fix: letters, digits, '.', '_' and '-'"
    )


def test_certificates_that_somebody_chose_are_lent() -> None:
    assert ca_secret({}) == ()
    assert ca_secret({"SSL_CERT_FILE": "/etc/ca.pem"}) == ("--secret", "id=bindery-ca,src=/etc/ca.pem")
