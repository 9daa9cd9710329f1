from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput, Digest, Json, digest_bytes
from bindery.images import parse_config, parse_index, parse_manifest
from bindery.images.manifest import (
    CONFIG,
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    EMPTY,
    INDEX,
    LAYER_GZIP,
    LAYER_ZSTD,
    MANIFEST,
    ConfigFields,
    Descriptor,
    HistoryEntry,
    ImageConfig,
    encode_config,
    encode_index,
    encode_manifest,
)

A, B = digest_bytes(b"a"), digest_bytes(b"b")
A_JSON: dict[str, Json] = {"mediaType": CONFIG, "digest": str(A), "size": 1}

texts = st.text(max_size=8)
digests = st.builds(digest_bytes, st.binary(max_size=4))
maps = st.dictionaries(texts, texts, max_size=3)
descriptors = st.builds(
    Descriptor,
    media_type=st.sampled_from([LAYER_GZIP, LAYER_ZSTD, EMPTY, "text/plain"]),
    digest=digests,
    size_bytes=st.integers(0, 1 << 50),
    annotations=maps,
    platform=st.none() | st.tuples(texts, texts),
    artifact_type=st.none() | texts,
)
configs = st.builds(
    ConfigFields,
    os=texts,
    architecture=texts,
    env=st.lists(texts, max_size=3).map(tuple),
    labels=maps,
    entrypoint=st.lists(texts, max_size=3).map(tuple),
    cmd=st.lists(texts, max_size=3).map(tuple),
    user=texts,
    working_dir=texts,
    exposed_ports=st.sets(texts, max_size=3).map(sorted).map(tuple),
    volumes=st.sets(texts, max_size=3).map(sorted).map(tuple),
    stop_signal=texts,
    diff_ids=st.lists(digests, max_size=3).map(tuple),
    history=st.lists(st.builds(HistoryEntry, created_by=texts, comment=texts, empty=st.booleans()), max_size=3).map(
        tuple
    ),
)


def dump(document: Json) -> bytes:
    return json.dumps(document).encode()


@given(
    descriptors,
    st.lists(descriptors, max_size=3),
    maps,
    st.none() | descriptors,
    st.none() | texts,
)
def test_manifests_are_read_as_they_were_written(
    config: Descriptor,
    layers: list[Descriptor],
    annotations: dict[str, str],
    subject: Descriptor | None,
    artifact_type: str | None,
) -> None:
    raw = encode_manifest(config, layers, annotations, subject, artifact_type)

    found = parse_manifest(raw, "x")

    assert (found.raw, found.media_type, found.digest) == (raw, MANIFEST, digest_bytes(raw))
    assert (found.config, found.layers, found.annotations) == (config, tuple(layers), annotations)
    assert (found.subject, found.artifact_type) == (subject, artifact_type)
    assert found.descriptor == Descriptor(
        media_type=MANIFEST, digest=found.digest, size_bytes=len(raw), artifact_type=artifact_type
    )


@given(st.lists(descriptors, max_size=3), maps)
def test_indexes_are_read_as_they_were_written(manifests: list[Descriptor], annotations: dict[str, str]) -> None:
    raw = encode_index(manifests, annotations)

    found = parse_index(raw, "x")

    assert (found.raw, found.media_type) == (raw, INDEX)
    assert (found.manifests, found.annotations) == (tuple(manifests), annotations)
    assert found.descriptor == Descriptor(media_type=INDEX, digest=digest_bytes(raw), size_bytes=len(raw))


@given(configs)
def test_configurations_are_read_as_they_were_written(fields: ConfigFields) -> None:
    raw = encode_config(fields)

    found = parse_config(raw, "x")

    assert found == ImageConfig(raw=raw, **{name: getattr(fields, name) for name in ConfigFields.__dataclass_fields__})
    assert found.digest == digest_bytes(raw)


def test_documents_have_these_bytes() -> None:
    layer = Descriptor(media_type=LAYER_GZIP, digest=B, size_bytes=2, annotations={"z": "é", "a": "1"})
    assert encode_manifest(Descriptor(media_type=CONFIG, digest=A, size_bytes=1), [layer], {"b": "2"}).decode() == (
        f'{{"annotations":{{"b":"2"}},"config":{{"digest":"{A}","mediaType":"{CONFIG}","size":1}},'
        f'"layers":[{{"annotations":{{"a":"1","z":"é"}},"digest":"{B}","mediaType":"{LAYER_GZIP}","size":2}}],'
        f'"mediaType":"{MANIFEST}","schemaVersion":2}}'
    )
    assert (
        encode_index([Descriptor(media_type=MANIFEST, digest=A, size_bytes=1, platform=("linux", "arm64"))])
        == (
            f'{{"manifests":[{{"digest":"{A}","mediaType":"{MANIFEST}",'
            f'"platform":{{"architecture":"arm64","os":"linux"}},"size":1}}],"mediaType":"{INDEX}","schemaVersion":2}}'
        ).encode()
    )
    fields = ConfigFields(os="linux", architecture="amd64", env=("A=1",), exposed_ports=("8888/tcp",), diff_ids=(A,))
    assert encode_config(fields).decode() == (
        '{"architecture":"amd64","config":{"Env":["A=1"],"ExposedPorts":{"8888/tcp":{}}},'
        '"created":"1970-01-01T00:00:00Z","history":[],"os":"linux",'
        f'"rootfs":{{"diff_ids":["{A}"],"type":"layers"}}}}'
    )


def test_dockers_documents_are_read() -> None:
    manifest = parse_manifest(
        dump(
            {
                "schemaVersion": 2,
                "mediaType": DOCKER_MANIFEST,
                "config": {"mediaType": DOCKER_CONFIG, "digest": str(A), "size": 1},
                "layers": [{"mediaType": DOCKER_LAYER_GZIP, "digest": str(B), "size": 2, "urls": ["x"]}],
            }
        ),
        "x",
    )
    assert manifest.layers == (Descriptor(media_type=DOCKER_LAYER_GZIP, digest=B, size_bytes=2),)
    index = parse_index(dump({"schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": None}), "x")
    assert index.manifests == ()
    config = parse_config(
        dump(
            {
                "os": "linux",
                "architecture": "arm64",
                "variant": "v8",
                "config": {"Cmd": None, "Env": ["A=b"], "Healthcheck": {"Interval": 1.5}},
                "rootfs": {"type": "layers", "diff_ids": []},
                "history": [{"created": "2025-01-01T00:00:00Z", "empty_layer": True}],
            }
        ),
        "x",
    )
    assert (config.cmd, config.env) == ((), ("A=b",))
    assert config.history == (HistoryEntry(created="2025-01-01T00:00:00Z", empty=True),)


def test_a_media_type_that_is_left_out_is_guessed() -> None:
    assert parse_manifest(dump({"schemaVersion": 2, "config": A_JSON}), "x").media_type == MANIFEST
    assert parse_index(dump({"schemaVersion": 2, "manifests": []}), "x").media_type == INDEX


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ([], "here: is a list, not an object"),
        (None, "here: is null, not an object"),
        ({"config": A_JSON}, "here: schemaVersion is missing"),
        ({"schemaVersion": 1}, "here: schemaVersion is 1, not 2"),
        ({"schemaVersion": True}, "here: schemaVersion is true or false, not a whole number from 0"),
        ({"schemaVersion": "2"}, "here: schemaVersion is text, not a whole number from 0"),
        ({"schemaVersion": 2}, "here: config is missing"),
        ({"schemaVersion": 2, "manifests": []}, f"here: is {INDEX}, not the manifest of an image"),
        ({"schemaVersion": 2, "mediaType": 2}, "here: mediaType is a number, not text"),
        ({"schemaVersion": 2, "config": []}, "here: config is a list, not an object"),
        ({"schemaVersion": 2, "config": {}}, "here: config.mediaType is missing"),
        ({"schemaVersion": 2, "config": {**A_JSON, "size": -1}}, "here: config.size is -1, not a whole number from 0"),
        (
            {"schemaVersion": 2, "config": {**A_JSON, "size": 1.5}},
            "here: config.size is 1.5, not a whole number from 0",
        ),
        (
            {"schemaVersion": 2, "config": {**A_JSON, "digest": "sha256:\x1b[2J"}},
            "here: config.digest is 'sha256:\\x1b[2J', which is no SHA-256 digest",
        ),
        (
            {"schemaVersion": 2, "config": {**A_JSON, "digest": f"md5:{'0' * 32}"}},
            f"here: config.digest is 'md5:{'0' * 32}', which is no SHA-256 digest",
        ),
        ({"schemaVersion": 2, "config": A_JSON, "layers": {}}, "here: layers is an object, not a list"),
        ({"schemaVersion": 2, "config": A_JSON, "layers": [1]}, "here: layers[0] is a number, not an object"),
        (
            {"schemaVersion": 2, "config": A_JSON, "layers": [{"mediaType": "\x1b[2J", "digest": 1}]},
            "here: layers[0].digest is a number, not text",
        ),
        (
            {"schemaVersion": 2, "config": A_JSON, "annotations": {"\x1b[2J": 1}},
            "here: annotations.\\x1b[2J is a number, not text",
        ),
    ],
)
def test_what_is_wrong_in_a_manifest_is_named(document: Json, error: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_manifest(dump(document), "here")
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"architecture": "amd64"}, "here: os is missing"),
        ({"os": "linux", "architecture": "amd64"}, "here: rootfs is missing"),
        ({"os": "linux", "architecture": "amd64", "rootfs": {}}, "here: rootfs.diff_ids is missing"),
        (
            {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": ["x"]}},
            "here: rootfs.diff_ids[0] is 'x', which is no SHA-256 digest",
        ),
        ({"os": "linux", "architecture": "a", "config": {"Env": [1]}}, "here: config.Env[0] is a number, not text"),
        (
            {"os": "l", "architecture": "a", "rootfs": {"diff_ids": []}, "history": [{"empty_layer": 1}]},
            "here: history[0].empty_layer is a number, not true or false",
        ),
    ],
)
def test_what_is_wrong_in_a_configuration_is_named(document: Json, error: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_config(dump(document), "here")
    assert str(caught.value) == error


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        parse_index(b"{", "here")
    assert str(caught.value) == (
        "here: is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    )
    with pytest.raises(BadInput) as caught:
        parse_index(encode_manifest(Descriptor(media_type=CONFIG, digest=A, size_bytes=1), []), "here")
    assert str(caught.value) == f"here: is {MANIFEST}, not an index"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["schemaVersion", "config", "layers", "digest", "size", "rootfs", "manifests", "platform"]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_read_or_refused(document: Json) -> None:
    for parse in (parse_manifest, parse_index, parse_config):
        with suppress(BadInput):
            parse(dump(document), "here")


def test_digests_are_of_the_bytes_that_were_read() -> None:
    raw = dump({"schemaVersion": 2, "config": A_JSON, "unknown": {"kept": 1}})
    assert parse_manifest(raw, "x").digest == digest_bytes(raw)
    assert parse_manifest(raw, "x").config.digest == Digest("sha256", A.hex)
