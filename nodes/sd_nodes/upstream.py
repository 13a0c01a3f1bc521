"""What went into a conditioning, or into latents: found in one pass over a graph, for all who ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, final

from sd_nodes.families import share_latents
from sd_nodes.types import Clip, Conditioning, ControlNet, Latent, Model, Vae

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graph_runtime import Step

    Steps = Mapping[str, Step]
    Part = Clip | ControlNet | Vae | Model
    Key = tuple[str, object]
    """A step, and what of it is followed."""

FOLLOWED = (Conditioning, Latent)


class Into(NamedTuple):
    """What goes into one step: recipes, and what is followed further up."""

    step: Step
    recipes: tuple[Part, ...]
    before: tuple[Key, ...]


@final
@dataclass(frozen=True, eq=False)
class Branch:
    """A step at which strangers come in or branches with strangers meet; steps between such are left out."""

    step: Step
    recipes: tuple[Part, ...]
    before: tuple[Branch, ...]


@final
class Upstream:
    """The recipes upstream of inputs that take conditionings or latents.

    Conditionings are followed to their text encoders and ControlNets; latents to the VAE that made them from a picture,
    or to the model that drew them, whatever that was told. Pictures are not followed: those of one model may steer
    another.
    """

    def __init__(self, steps: Steps) -> None:
        """Look at steps, which are in topological order, sources first."""
        self._steps = steps
        self._into: dict[Key, Into] = {}
        self._branches: dict[str, dict[Key, Branch | None]] = {}
        for step in steps.values():
            for kind in {socket.type for socket in step.outputs if socket.type in FOLLOWED}:
                self._into[step.id, kind] = _into(steps, step, kind)

    def strangers(self, step: Step, input: str, family: str) -> Iterator[tuple[Step, Part]]:
        """Give the recipes upstream of an input that do not fit a family of models, each with the step it goes into.

        The time this takes grows with what is given, not with how long the way to it is.
        """
        if family not in self._branches:
            self._branches[family] = self._grown(family)
        root = self._branches[family].get((step.wires[input].node, type_of(self._steps, step, input)))
        pending = [root] if root is not None else []
        seen: set[Branch] = set()
        while pending:
            branch = pending.pop()
            if branch not in seen:
                seen.add(branch)
                yield from ((branch.step, recipe) for recipe in branch.recipes)
                pending += branch.before

    def _grown(self, family: str) -> dict[Key, Branch | None]:
        """The branches of strangers to a family; what passes through a step unchanged is the one of its source."""
        grown: dict[Key, Branch | None] = {}
        for key, (step, recipes, before) in self._into.items():
            strange = tuple(recipe for recipe in recipes if not _fits(recipe, family))
            branches = [branch for each in before if (branch := grown.get(each)) is not None]
            last = list(dict.fromkeys(reversed(branches)))  # the last one is looked at first
            if strange or len(last) > 1:
                grown[key] = Branch(step, strange, tuple(reversed(last)))
            else:
                grown[key] = last[0] if last else None
        return grown


def recipe_of(steps: Steps, step: Step, input: str) -> object:
    """Return what a loader or a settings node puts on an input; None where only a run can tell."""
    wire = step.wires.get(input)
    source = steps.get(wire.node) if wire else None
    return source.known.outputs[wire.output] if wire and source and source.known else None


def type_of(steps: Steps, step: Step, input: str) -> object:
    """Return the type of what comes over a linked input; None where its step is not there."""
    wire = step.wires[input]
    source = steps.get(wire.node)
    return source.outputs[wire.output].type if source else None


def _into(steps: Steps, step: Step, kind: object) -> Into:
    recipes = {each: recipe_of(steps, step, each) for each in step.wires}
    drawn = kind is Latent and any(isinstance(recipe, Model) for recipe in recipes.values())
    wanted = Model if drawn else Vae if kind is Latent else Clip | ControlNet | Vae
    taken: list[Part] = []
    before: list[Key] = []
    for each, recipe in recipes.items():
        if isinstance(recipe, wanted):
            taken.append(recipe)
        elif not drawn and recipe is None:
            theirs = type_of(steps, step, each)
            if theirs is Latent or (kind is Conditioning and theirs is Conditioning):
                before.append((step.wires[each].node, theirs))
    return Into(step, tuple(taken), tuple(before))


def _fits(recipe: Part, family: str) -> bool:
    if isinstance(recipe, Vae | Model):
        return share_latents(family, recipe.family)
    return not (family and recipe.family) or family == recipe.family
