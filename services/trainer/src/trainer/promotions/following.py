"""What has to be done to the registry so that it says what the history says: aliases, and the traffic of predictors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import structlog

from mlplatform.contracts import Contract
from mlplatform.errors import ModelVersionNotFound
from mlplatform.registry.manifest import CHALLENGER, CHAMPION, PREVIOUS
from mlplatform.registry.traffic import TRAFFIC_TAG
from trainer.promotions.history import Entry, succession, traffic_of, unwanted
from trainer.promotions.registry import Registry

Step = Callable[[], None]
"""One change of the registry."""

_log = structlog.get_logger(__name__)


def steps_to_follow(registry: Registry, contract: Contract, entries: Sequence[Entry]) -> list[Step]:
    """What has to be done to the registry, in this order."""
    return [*_alias_steps(registry, contract, entries), *_traffic_steps(registry, contract, entries)] if entries else []


def _alias_steps(registry: Registry, contract: Contract, entries: Sequence[Entry]) -> Iterator[Step]:
    name, line, traffic = contract.registered_model, succession(entries), traffic_of(entries)
    found = registry.aliases(name)
    wanted = {CHAMPION: line[-1], PREVIOUS: _previous(registry, name, line, found)}
    if traffic and traffic.challenger != line[-1]:
        wanted[CHALLENGER] = traffic.challenger
    elif found.get(CHALLENGER) in {line[-1], *unwanted(entries)}:
        wanted[CHALLENGER] = None
    changed = [alias for alias, version in wanted.items() if version != found.get(alias)]
    # What gives up a version that has another role from now on comes last: a predictor that asks in between would
    # find the version without any. In a promotion that is the champion's alias, in a rollback the previous one's.
    kept = {version for version in wanted.values() if version}
    for alias in sorted(changed, key=lambda alias: found.get(alias) in kept):
        version = wanted[alias]
        if version is None:
            yield partial(registry.drop_alias, name, alias)
        else:
            yield partial(registry.set_alias, name, alias, version)


def _previous(registry: Registry, name: str, line: Sequence[str], found: Mapping[str, str]) -> str | None:
    """The champion before this one; none if the registry has it no more, which is no reason never to be settled."""
    previous = line[-2] if len(line) > 1 else None
    if previous is None or previous == found.get(PREVIOUS):
        return previous
    try:
        registry.version(name, previous)
    except ModelVersionNotFound:
        _log.warning(
            "nobody can be rolled back to the champion before this one: it is gone", version=previous, model=name
        )
        return None
    return previous


def _traffic_steps(registry: Registry, contract: Contract, entries: Sequence[Entry]) -> Iterator[Step]:
    name, traffic = contract.registered_model, traffic_of(entries)
    found = registry.tags(name).get(TRAFFIC_TAG)
    wanted = traffic.as_tag() if traffic else None
    if wanted == found:
        return
    if wanted is None:
        yield partial(registry.drop_tag, name, TRAFFIC_TAG)
    else:
        yield partial(registry.set_tag, name, TRAFFIC_TAG, wanted)
