"""Decides what runs, in which order, and what is taken from the cache. Pure: nothing is computed or read."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .keys import Ingredients, ingredients, key
from .library import Library
from .step import Step


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to happen so that the targets have their results.

    Attributes:
        targets: The steps that are wanted.
        order: The steps that run, sources first; what only a lazy input needs is not among them.
        reused: The steps whose kept results are needed.
        keys: The key of every step upstream of the targets.
        ingredients: What went into each key.
    """

    targets: tuple[str, ...]
    order: tuple[str, ...]
    reused: tuple[str, ...]
    keys: Mapping[str, str]
    ingredients: Mapping[str, Ingredients]

    def asks_nothing(self, steps: Mapping[str, Step]) -> bool:
        """Tell whether no kept result is needed for anything: nothing runs, and nothing is shown again."""
        return not self.order and not any(steps[id].node.sink for id in self.reused)


class Names:
    """The keys of a run's steps, each made once.

    Args:
        steps: The steps by id, to begin with.
        library: Where their nodes come from.
        fresh: Stands in the keys of steps whose results nothing describes; no two runs share one.
        carried: Tells what files that a step saves carry of the workflow, where that is not all of it.
    """

    def __init__(
        self, steps: Mapping[str, Step], library: Library, fresh: str, carried: Callable[[Step], str] = lambda step: ""
    ) -> None:
        self.steps = dict(steps)
        self.library = library
        self.fresh = fresh
        self.carried = carried
        self.place: dict[str, int] = {}
        self.keys: dict[str, str] = {}
        self.ingredients: dict[str, Ingredients] = {}

    def add(self, steps: Mapping[str, Step]) -> None:
        """Take more steps in while a run goes on."""
        self.steps.update(steps)

    def name(self, targets: Iterable[str]) -> None:
        """Make the keys of the targets and of everything upstream of them."""
        for id in upstream(self.steps, targets, self.keys):
            step = self.steps[id]
            found = ingredients(step, self.keys, self.library, self.fresh, self.carried(step))
            self.ingredients[id] = found
            self.place[id] = len(self.place)
            self.keys[id] = key(found)


def plan(
    names: Names,
    targets: Iterable[str],
    contains: Callable[[str], bool],
    done: Callable[[str], bool] = lambda id: False,
) -> Plan:
    """Plan a run.

    Args:
        names: The steps and their keys.
        targets: The steps that are wanted.
        contains: Tells whether the result for a key is kept.
        done: Tells whether a step is being taken care of already.

    Returns:
        What runs, sources first, and what is reused.
    """
    targets = tuple(targets)
    names.name(targets)
    steps, keys = names.steps, names.keys
    reused: list[str] = []
    runs: list[str] = []
    pending, seen = [*reversed(targets)], set(targets)
    while pending:
        id = pending.pop()
        if done(id):
            continue
        if steps[id].known is not None or contains(keys[id]):
            reused.append(id)
            continue
        runs.append(id)
        sources = [source for source in steps[id].eager_sources if source not in seen]
        seen.update(sources)
        pending.extend(sources)
    runs.sort(key=names.place.__getitem__)
    return Plan(targets, tuple(runs), tuple(reused), keys, names.ingredients)


def on_demand(
    steps: Mapping[str, Step], ids: Iterable[str], known: set[str], within: Callable[[str], bool]
) -> set[str]:
    """Find the steps that a lazy input may ask for later, down to those that are in the run.

    Args:
        steps: The steps by id.
        ids: The steps whose lazy inputs are followed.
        known: Steps that were found before; they are not walked again.
        within: Tells whether a step is in the run.
    """
    lazy = (wire.node for id in ids for name, wire in steps[id].wires.items() if steps[id].is_lazy(name))
    pending = [id for id in lazy if id not in known]
    found = set(pending)
    while pending:
        id = pending.pop()
        following = [] if within(id) else [one for one in steps[id].sources if one not in found and one not in known]
        found.update(following)
        pending.extend(following)
    return found


def upstream(steps: Mapping[str, Step], targets: Iterable[str], without: Container[str] = ()) -> Iterator[str]:
    """Walk from the sources to the targets; a step comes after everything that feeds it.

    Args:
        steps: The steps by id.
        targets: Where to end.
        without: Steps to leave out, with all that only they need.
    """
    entered: set[str] = set()
    left: set[str] = set()
    walk = [*targets][::-1]
    while walk:
        id = walk[-1]
        if id not in entered and id not in without:
            entered.add(id)
            walk.extend([source for source in steps[id].sources if source not in entered][::-1])
            continue
        walk.pop()
        if id in entered and id not in left:
            left.add(id)
            yield id
