"""The smallest updates that leave advisories behind: those that the channels have, and that leave a solution.

No network is asked: the channels' records are those of local mirrors, or those that the store has from the last lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from bindery.environments.solve import SolveOptions, platform_request, readable_channels, records_cache
from bindery.environments.solver import RecordsChoice, ask_worker, encode_request
from bindery.environments.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bindery.core import Json, Store
    from bindery.environments.advisories import AffectedPackage
    from bindery.environments.environment import Environment
    from bindery.environments.fields import Fields
    from bindery.environments.lockfile import Lock

MOST_TRIES = 5  # a solve each; where the five smallest leave no solution, the rest is a person's work
_Ask: TypeAlias = "Callable[[str, list[Json]], Fields]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """What leaves the advisories about a package: the smallest newer version that none of them is about.

    ``version`` is None if there is none. ``known_from`` says who names it: the channels have it on all platforms in
    question, or only the advisories know of it, because nothing is known of the channels. ``fits`` says whether the
    spec has a solution with it, whatever else has to move; None if that was not tried. ``tried`` are versions that
    were, and have none.
    """

    version: str | None
    known_from: Literal["channels", "advisories"]
    fits: bool | None = None
    tried: tuple[str, ...] = ()


def find_updates(
    environment: Environment,
    lock: Lock,
    affected: Sequence[AffectedPackage],
    *,
    mirrors: Mapping[str, str],
    store: Store,
) -> tuple[Update, ...]:
    """Return an update for each affected package, in their order; each is tried by itself.

    Of packages of pip, and where the store has no records of a channel, the advisories' own word is all there is.

    Raises:
        BadInput: the spec cannot be read.
        WrongUse: a mirror is given for a channel that is not the lock's.

    """
    known = [Update(version=one.named_update, known_from="advisories") for one in affected]
    conda = [index for index, one in enumerate(affected) if one.manager == "conda"]
    if not conda:
        return tuple(known)
    channels = readable_channels(lock.channels, mirrors, store)

    def ask(task: str, platforms: list[Json]) -> Fields:
        words: dict[str, Json] = {"task": task, "platforms": platforms}
        return ask_worker(words, channels, choice=RecordsChoice(offline=True), cache=records_cache(store))

    newer = _newer([affected[index] for index in conda], ask)
    if newer is None:
        return tuple(known)
    free = {
        index: [version for version in found if affected[index].is_free(version)]
        for index, found in zip(conda, newer, strict=True)
    }
    for index, versions in free.items():
        known[index] = Update(version=versions[0] if versions else None, known_from="channels")
    if not environment.sources:
        return tuple(known)  # without a spec there is nothing to solve
    spec = read_spec(environment)
    options = SolveOptions(mirrors=mirrors, locked=lock.packages, keep=True)
    requests = {platform: encode_request(platform_request(spec, platform, options)) for platform in spec.platforms}
    open_ones = [index for index, versions in free.items() if versions]
    for attempt in range(MOST_TRIES):
        tries = {index: free[index][attempt] for index in open_ones if attempt < len(free[index])}
        fitting = _try([(affected[index], version) for index, version in tries.items()], requests, ask)
        if fitting is None:
            break
        for (index, version), fits in zip(tries.items(), fitting, strict=True):
            known[index] = _after(known[index], version, fits=fits)
        open_ones = [index for index in tries if not known[index].fits]
    return tuple(known)


def _after(update: Update, version: str, *, fits: bool) -> Update:
    if fits:
        return Update(version=version, known_from="channels", fits=True, tried=update.tried)
    return Update(version=update.version, known_from="channels", fits=False, tried=(*update.tried, version))


def _newer(affected: Sequence[AffectedPackage], ask: _Ask) -> list[list[str]] | None:
    """Return for each package the newer versions that the channels have on all of its platforms, the oldest first.

    None if the records of a channel are not at hand.
    """
    platforms = sorted({platform for one in affected for platform in one.platforms})
    asked: list[Json] = [
        {
            "platform": platform,
            "newer_than": [{"name": one.name, "version": one.version} for one in affected if platform in one.platforms],
        }
        for platform in platforms
    ]
    answer = ask("versions", asked)
    if answer.has("failure"):
        return None
    found = {
        (one.text("platform"), name): one.inner("names").texts(name)
        for one in answer.items("versions")
        for name in one.inner("names").values
    }
    return [
        [
            version
            for version in found[one.platforms[0], one.name]
            if all(version in found[platform, one.name] for platform in one.platforms)
        ]
        for one in affected
    ]


def _try(tries: Sequence[tuple[AffectedPackage, str]], requests: Mapping[str, Json], ask: _Ask) -> list[bool] | None:
    """Return for each package whether there is a solution with the version on all of its platforms.

    None if that cannot be told, because the records of other packages are not at hand.
    """
    if not tries:
        return []
    platforms = sorted({platform for one, _ in tries for platform in one.platforms} & requests.keys())
    asked: list[Json] = []
    for platform in platforms:
        request = requests[platform]
        lines: list[Json] = [_line(*each) for each in tries if platform in each[0].platforms]
        asked.append({**(request if isinstance(request, dict) else {}), "lines": lines})
    answer = ask("fits", asked)
    if answer.has("failure"):
        return None
    fitting = {(one.text("platform"), line) for one in answer.items("fits") for line in one.texts("lines")}
    return [all((platform, _line(one, version)) in fitting for platform in one.platforms) for one, version in tries]


def _line(one: AffectedPackage, version: str) -> str:
    return f"{one.name} =={version}"
