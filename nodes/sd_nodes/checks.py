"""Looks at a whole graph for what does not go together, before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import NodeError, Problem
from sd_nodes.embeddings import WORD, demand_family
from sd_nodes.families import share_latents
from sd_nodes.maps import SUITABLE
from sd_nodes.picture_files import split_prefix
from sd_nodes.sampling_types import GuidanceMethod
from sd_nodes.types import Clip, Conditioning, ControlNet, Image, Latent, Model, Vae

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graph_runtime import Folders, Step

    Steps = Mapping[str, Step]


def families(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find text encoders, ControlNets and VAEs that do not belong to the family of the model they work with."""
    for step in steps.values():
        if isinstance(model := _recipe(steps, step, "model"), Model):
            for input in step.wires:
                yield from _strangers(steps, step, model, input)
        if isinstance(vae := _recipe(steps, step, "vae"), Vae) and "samples" in step.wires:
            yield from _foreign_latents(steps, step, vae)


def weaker_models(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find models that guide another one of another family."""
    for step in steps.values():
        model, method = (_recipe(steps, step, input) for input in ("model", "method"))
        if not isinstance(model, Model) or not isinstance(method, GuidanceMethod) or not method.weaker:
            continue
        if method.weaker.family != model.family:
            message = (
                f"the model “{model.source.name}” is of the family {model.family}; “{method.weaker.source.name}”, the "
                f"weaker model that guides it, is of the family {method.weaker.family}."
            )
            yield _problem(step, "method", message)


def control_pictures(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find control pictures of another kind than the one that their ControlNet was trained for."""
    for step in steps.values():
        net = _recipe(steps, step, "control_net")
        if not isinstance(net, ControlNet) or not net.kind or "image" not in step.wires:
            continue
        source, found = _picture_kind(steps, step)
        if found is None or net.kind in SUITABLE[found]:
            continue
        name = getattr(found, "__name__", "")
        message = (
            f"found {name} from node {source.id} ({source.name}); the ControlNet “{net.source.name}” was trained for "
            f"{net.kind}, and {name} is for {' or '.join(SUITABLE[found])}."
        )
        yield _problem(step, "image", message)


def safety_checkers(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find safety checks on a base model that comes without a safety checker."""
    for step in steps.values():
        wire = step.wires.get("checker")
        source = steps.get(wire.node) if wire else None
        off = step.values.get("check") == "off"
        if wire and not off and source and source.known and source.known.outputs[wire.output] is None:
            message = (
                f"node {source.id} ({source.name}) loads “{source.values.get('name', '')}”, which comes without a "
                "safety checker; take one from Load Safety Checker."
            )
            yield _problem(step, "checker", message)


def prefixes(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find names of saved pictures that lead out of the output folder."""
    for step in steps.values():
        prefix = step.values.get("filename_prefix")
        if isinstance(prefix, str) and step.node.sink:
            try:
                split_prefix(prefix)
            except NodeError as error:
                yield _problem(step, error.input, error.message)


def learned_words(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find learned words in prompts that belong to another family than the text encoder that reads them."""
    for step in steps.values():
        clip = _recipe(steps, step, "clip")
        if not isinstance(clip, Clip):
            continue
        for input in step.node.inputs:
            text = step.values.get(input, _recipe(steps, step, input))
            if isinstance(text, str) and WORD.search(text):
                try:
                    demand_family(text, clip, folders)
                except NodeError as error:
                    yield _problem(step, input, error.message)


CHECKS = (families, weaker_models, control_pictures, safety_checkers, prefixes, learned_words)


def _strangers(steps: Steps, step: Step, model: Model, input: str) -> Iterator[Problem]:
    """The recipes upstream of one input that belong to another family than the model."""
    for source, recipe in _upstream(steps, step, input):
        ours, theirs = model.family, recipe.family
        by_latents = isinstance(recipe, Vae | Model)
        fitting = share_latents(ours, theirs) if by_latents else not (ours and theirs) or ours == theirs
        if not fitting:
            message = (
                f"the model “{model.source.name}” is of the family {model.family}; {_title(recipe)} "
                f"“{recipe.source.name}” at node {source.id} ({source.name}) is of the family {recipe.family}."
            )
            yield _problem(step, input, message)


def _upstream(steps: Steps, step: Step, input: str) -> Iterator[tuple[Step, Clip | ControlNet | Vae | Model]]:
    """Follow conditionings, or latents, up from an input, and give the recipes that went into them.

    Conditionings are followed to their text encoders and ControlNets; latents to the VAE that made them from a picture,
    or to the model that drew them, whatever that was told. Pictures are not followed: those of one model may steer
    another.
    """
    pending: list[tuple[Step, str]] = [(step, input)]
    seen: set[tuple[str, object]] = set()
    while pending:
        below, name = pending.pop()
        source, kind = steps.get(below.wires[name].node), _type(steps, below, name)
        if source is None or source.id == step.id or kind not in (Conditioning, Latent) or (source.id, kind) in seen:
            continue
        seen.add((source.id, kind))
        recipes = {each: _recipe(steps, source, each) for each in source.wires}
        drawn = kind is Latent and any(isinstance(recipe, Model) for recipe in recipes.values())
        for each, recipe in recipes.items():
            wanted = Model if drawn else Vae if kind is Latent else Clip | ControlNet | Vae
            if isinstance(recipe, wanted):
                yield source, recipe
            elif not drawn and recipe is None and (kind is Conditioning or _type(steps, source, each) is Latent):
                pending.append((source, each))


def _foreign_latents(steps: Steps, step: Step, vae: Vae) -> Iterator[Problem]:
    """The models upstream whose latents a VAE cannot decode."""
    source = steps.get(step.wires["samples"].node)
    model = _recipe(steps, source, "model") if source else None
    if source is None or not isinstance(model, Model):
        return
    if not share_latents(vae.family, model.family):
        message = (
            f"the VAE “{vae.source.name}” is of the family {vae.family}; the latents come from node {source.id} "
            f"({source.name}), whose model “{model.source.name}” is of the family {model.family}."
        )
        yield _problem(step, "samples", message)


def _picture_kind(steps: Steps, step: Step) -> tuple[Step, object]:
    """Follow a control picture up through nodes that take a picture and give one, to where its kind is known."""
    seen = {step.id}
    while "image" in step.wires and (source := steps.get(step.wires["image"].node)) and source.id not in seen:
        kind = _type(steps, step, "image")
        if kind in SUITABLE:
            return source, kind
        if kind is not Image:
            break
        seen.add(source.id)
        step = source
    return step, None


def _problem(step: Step, input: str, message: str) -> Problem:
    return Problem("refused", message, step.id, step.title, step.node.id, input)


def _recipe(steps: Steps, step: Step, input: str) -> object:
    """What a loader or a settings node puts on an input; None where only a run can tell."""
    wire = step.wires.get(input)
    source = steps.get(wire.node) if wire else None
    return source.known.outputs[wire.output] if wire and source and source.known else None


def _type(steps: Steps, step: Step, input: str) -> object:
    wire = step.wires[input]
    return steps[wire.node].outputs[wire.output].type


def _title(recipe: Clip | ControlNet | Vae | Model) -> str:
    titles = {Clip: "the text encoder", ControlNet: "the ControlNet", Vae: "the VAE", Model: "the model"}
    return titles[type(recipe)]
