# ruff: noqa: S105, S108 - the cases are texts in which such things stand
import pytest

from bindery.notebooks.compare.masks import RULES, mask

UUID = "83838853-e751-11f1-b697-02fc00000001"
TOKEN = "9566f0a1bb8c6554868309632c5d5d52"
CASES = {
    "dask-client": (
        "<Client: 'tcp://127.0.0.1:41731' processes=2 threads=2, memory=23.54 GiB>",
        "<dask-client>",
        "<Client: 'mine'>",
    ),
    "dask-cluster": (
        "LocalCluster(b182285a, 'tcp://127.0.0.1:41731', workers=2, threads=2, memory=23.54 GiB)",
        "<dask-cluster>",
        "LocalCluster(2 workers)",
    ),
    "address": ("<object object at 0x7fab85e30a90>", "<object object at <address>>", "checksum 0x7fab85e30a90"),
    "pid": ("/tmp/ipykernel_13975/2023716419.py:1", "/tmp/ipykernel_<pid>:1", "/data/13975/2023716419.py"),
    "task-key": (f"mean_chunk-{TOKEN}", "mean_chunk-<task-key>", f"md5 {TOKEN}"),
    "uuid": (f"id {UUID}.", "id <uuid>.", UUID[:-1]),
    "magic-time": ("Wall time: 3.19 ms", "<magic-time>", "Wall height: 3.19 m"),
    "magic-timeit": (
        "17.8 μs ± 479 ns per loop (mean ± std. dev. of 2 runs, 3 loops each)",
        "<magic-timeit>",
        "17.8 mm ± 0.4 mm",
    ),
    "magic-timeit-cache": (
        "The slowest run took 5.02 times longer than the fastest. This could mean something.",
        "<magic-timeit-cache>",
        "The slowest run took 5.02 hours",
    ),
    "comm-address": ("Comm: tls://10.0.0.3:8786", "Comm: <comm-address>", "tcp://scheduler"),
    "local-port": ("http://127.0.0.1:8787/status", "http://<local-port>/status", "https://pangeo.io:443/x"),
    "workplace": (
        "cwd /tmp/bindery-test-a1b2c3d4/2/work/x.zarr",
        "cwd <workplace>/x.zarr",
        "/data/bindery-test-results/2/work",
    ),
    "temporary-folder": ("/tmp/tmpsmmr85p7/x.zarr", "<temporary-folder>/x.zarr", "/data/tmp/x.zarr"),
    "memory-store": (
        "<MemoryStore memory://140590708632192>",
        "<MemoryStore memory://<memory-store>>",
        "memory 140590",
    ),
    "comm-id": (f'"comm_id":"{TOKEN}"', '"comm_id":"<comm-id>"', f'"checksum":"{TOKEN}"'),
    "since": ("Started: Just now", "Started: <since>", "Started: 2000-01-01"),
    "log-time": (
        "2026-11-23 15:12:01,234 - distributed.worker - WARNING - x",
        "<log-time> - distributed.worker - WARNING - x",
        "2026-11-23 15:12:01 was a Monday",
    ),
}


def test_every_rule_has_a_name_a_reason_and_a_case() -> None:
    assert [rule.name for rule in RULES] == list(dict.fromkeys(rule.name for rule in RULES))
    assert {rule.name for rule in RULES} == set(CASES)
    assert all(len(rule.reason) > 20 for rule in RULES)


@pytest.mark.parametrize("name", CASES)
def test_what_changes_from_run_to_run_is_masked(name: str) -> None:
    volatile, masked, _ = CASES[name]
    rule = next(rule for rule in RULES if rule.name == name)
    assert rule.apply(volatile) == masked
    assert mask(volatile) == masked


@pytest.mark.parametrize("name", CASES)
def test_what_only_looks_like_it_is_not(name: str) -> None:
    assert mask(CASES[name][2]) == CASES[name][2]


@pytest.mark.parametrize("name", CASES)
def test_masking_twice_is_masking_once(name: str) -> None:
    assert mask(mask(CASES[name][0])) == mask(CASES[name][0])
