from __future__ import annotations

import pytest

from bindery.core import BadInput
from bindery.environments import LockedChannel
from bindery.environments.channels import has_secrets, hide_secrets, resolve_channels  # not part of the front door


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:secret@example.org/ocean", "https://********@example.org/ocean"),
        ("https://example.org/t/secret/ocean", "https://example.org/t/********/ocean"),
    ],
)
def test_a_channel_with_a_secret_is_refused(url: str, shown: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolve_channels([LockedChannel(url=url)], {})
    assert str(caught.value) == (
        f"the channel {shown} holds a secret, which a lock would make known\n"
        "  fix: write the name of an environment variable in its place, or keep it in ~/.rattler/credentials.json"
    )


def test_a_variable_in_place_of_the_secret_is_filled_in_where_it_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN_TOKEN", "secret")
    (channel,) = resolve_channels([LockedChannel(url="https://example.org/t/$OCEAN_TOKEN/ocean")], {})
    assert channel.url == "https://example.org/t/$OCEAN_TOKEN/ocean/"
    assert channel.fetch_url == "https://example.org/t/secret/ocean/"


def test_secrets_are_hidden_in_texts() -> None:
    text = "cannot read https://ann:secret@example.org/t/more/ocean/linux-64 and https://example.org/tea/ocean"
    assert hide_secrets(text) == (
        "cannot read https://********@example.org/t/********/ocean/linux-64 and https://example.org/tea/ocean"
    )
    assert not has_secrets("https://example.org/tea/ocean")
