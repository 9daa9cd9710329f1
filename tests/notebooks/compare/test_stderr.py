import pytest

from bindery.notebooks.compare.stderr import compare_stderr

WARNING = (
    "/opt/lib/python3.12/site-packages/xarray/core/dataset.py:282: FutureWarning: the default changes\n  return f(x)\n"
)


@pytest.mark.parametrize(
    ("reference", "actual"),
    [
        (WARNING, WARNING.replace("3.12", "3.11").replace("282", "299").replace("f(x)", "g(y)")),
        (WARNING, WARNING + WARNING),
        ("<string>:1: UserWarning: x\n", "<frozen abc>:7: UserWarning: x\n"),
        ("", "2026-11-23 15:12:01,234 - distributed.worker - WARNING - Unmanaged memory use is high. Really.\n"),
        ("x\n", "distributed.core - INFO - Event loop was unresponsive in Worker for 3.2s.  This is\nx\n"),
    ],
)
def test_where_and_how_often_a_warning_came_does_not_count(reference: str, actual: str) -> None:
    assert compare_stderr(reference, actual) is None


@pytest.mark.parametrize(
    ("reference", "actual", "reason"),
    [
        ("", WARNING, "a new warning: FutureWarning: the default changes"),
        (WARNING, "", "the warning is gone: FutureWarning: the default changes"),
        (
            WARNING,
            WARNING.replace("Future", "Deprecation"),
            (
                "the warning is gone: FutureWarning: the default changes; "
                "a new warning: DeprecationWarning: the default changes"
            ),
        ),
        ("to err\n", "to errr\n", "'to err' became 'to errr' (line 1)"),
    ],
)
def test_a_warning_that_came_or_went_is_a_difference(reference: str, actual: str, reason: str) -> None:
    difference = compare_stderr(reference, actual)
    assert difference is not None
    assert difference.reason == reason
