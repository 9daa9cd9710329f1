from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.core import BadInput
from bindery.prefixes.replacement import python_shebang, replace_binary, replace_text

OLD = "/old" * 10


@pytest.mark.parametrize(
    ("line", "prefix", "expected"),
    [
        (f"#!{OLD}/bin/python", "/new", "#!/new/bin/python"),
        (f"#!{OLD}/bin/python3.12 -u", "/a b", "#!/bin/sh\n'''exec' \"/a b/bin/python3.12\" -u \"$0\" \"$@\" #'''"),
        (f"#!{OLD}/bin/perl -w", "/a b", "#!/usr/bin/env perl -w"),
        (f"#!{OLD}/bin/perl -w", "/" + 130 * "n", "#!/usr/bin/env perl -w"),
        ("#!/bin/sh", "/a b", "#!/bin/sh"),
    ],
    ids=["plain", "python-and-spaces", "other-and-spaces", "too-long", "not-ours"],
)
def test_first_lines_stay_usable(line: str, prefix: str, expected: str) -> None:
    assert replace_text(f"{line}\n# {OLD}\n".encode(), OLD, prefix, "linux-64") == f"{expected}\n# {prefix}\n".encode()


def test_a_text_without_a_first_line_is_replaced_everywhere() -> None:
    assert replace_text(f"{OLD}:{OLD}".encode(), OLD, "/n", "linux-64") == b"/n:/n"


def test_macos_allows_longer_first_lines() -> None:
    long = "/" + 200 * "n"
    assert python_shebang(long, "osx-arm64") == f"#!{long}"
    assert python_shebang(long, "linux-64") == f"#!/bin/sh\n'''exec' \"{long}\" \"$0\" \"$@\" #'''"


def test_strings_in_binaries_are_padded_behind_their_end() -> None:
    data = f"{OLD}/lib:{OLD}/share\0rest\0{OLD}".encode()
    expected = b"/n/lib:/n/share" + bytes(2 * (len(OLD) - 2)) + b"\0rest\0" + b"/n" + bytes(len(OLD) - 2)
    assert replace_binary(data, OLD, "/n", "x") == expected


@given(st.lists(st.sampled_from([OLD.encode(), b"\0", b"a", b"/lib"]), max_size=30), st.integers(1, len(OLD)))
def test_binaries_keep_their_length_and_lose_the_placeholder(parts: list[bytes], length: int) -> None:
    data, prefix = b"".join(parts), "/" + (length - 1) * "n"
    replaced = replace_binary(data, OLD, prefix, "x")
    assert len(replaced) == len(data)
    assert OLD.encode() not in replaced
    assert replaced.count(b"a") == data.count(b"a")


def test_a_prefix_must_fit_into_the_placeholder() -> None:
    with pytest.raises(BadInput) as caught:
        replace_binary(b"", "/old", "/newer", "library-1.0-0.conda: lib/x")
    assert str(caught.value) == (
        "library-1.0-0.conda: lib/x: has room for a prefix of 4 bytes, and /newer has 6\n"
        "  fix: set BINDERY_STORE to a folder with a shorter name"
    )
