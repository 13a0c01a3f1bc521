"""Looks at a whole graph for what does not go together, before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import NodeError, Problem
from sd_nodes.diffusion.scheduler_checks import FLOW_FAMILIES
from sd_nodes.embeddings import WORD, demand_family
from sd_nodes.families import share_latents
from sd_nodes.maps import SUITABLE
from sd_nodes.picture_files import split_prefix
from sd_nodes.refusals import refusals
from sd_nodes.sampling_types import GuidanceMethod
from sd_nodes.types import Clip, Conditioning, ControlNet, Image, Model, Vae
from sd_nodes.upstream import Upstream, recipe_of, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graph_runtime import Folders, Step

    Steps = Mapping[str, Step]


def families(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find text encoders, ControlNets and VAEs that do not belong to the family of the model they work with."""
    upstream = Upstream(steps)
    for step in steps.values():
        if isinstance(model := recipe_of(steps, step, "model"), Model):
            for input in step.wires:
                yield from _strangers(upstream, step, model, input)
        if isinstance(vae := recipe_of(steps, step, "vae"), Vae) and "samples" in step.wires:
            yield from _foreign_latents(steps, step, vae)


def weaker_models(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find models that guide another one of another family."""
    for step in steps.values():
        model, method = (recipe_of(steps, step, input) for input in ("model", "method"))
        if not isinstance(model, Model) or not isinstance(method, GuidanceMethod) or not method.weaker:
            continue
        if method.weaker.family != model.family:
            message = (
                f"the model “{model.source.name}” is of the family {model.family}; “{method.weaker.source.name}”, the "
                f"weaker model that guides it, is of the family {method.weaker.family}."
            )
            yield _problem(step, "method", message)


def disturbed_models(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find guidance away from a model that is disturbed in a way that models of its family cannot be."""
    for step in steps.values():
        model, method = (recipe_of(steps, step, input) for input in ("model", "method"))
        if not isinstance(model, Model) or not isinstance(method, GuidanceMethod):
            continue
        if message := _undisturbable(model, method):
            yield _problem(step, "method", message)


def _undisturbable(model: Model, method: GuidanceMethod) -> str:
    """Say why a model cannot be disturbed as a method asks for; nothing where it can, or need not."""
    name, transformer = model.source.name, model.family in FLOW_FAMILIES
    if not method.away:
        return ""
    if transformer and method.disturbed != "skipped":
        return f"“{name}” is a transformer without a middle to disturb: take Skip Layer Guidance."
    if transformer and not method.layers:
        return f"“{name}” is a transformer: name the layers that are skipped, such as 7, 8, 9."
    if method.layers and not transformer:
        return f"layers by number are those of a transformer such as SD3; “{name}” is a UNet, name none."
    return ""


def control_pictures(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find control pictures of another kind than the one that their ControlNet was trained for."""
    kinds = _picture_kinds(steps)
    for step in steps.values():
        net = recipe_of(steps, step, "control_net")
        if not isinstance(net, ControlNet) or not net.kind or step.id not in kinds:
            continue
        source, found = kinds[step.id]
        if net.kind in SUITABLE[found]:
            continue
        name = getattr(found, "__name__", "")
        message = (
            f"found {name} from node {source.id} ({source.name}); the ControlNet “{net.source.name}” was trained for "
            f"{net.kind}, and {name} is for {' or '.join(SUITABLE[found])}."
        )
        yield _problem(step, "image", message)


def seeing_controlnets(steps: Steps, folders: Folders) -> Iterator[Problem]:
    """Find ControlNets that see latents, as those of SD3 do, and are applied to SD3 without an autoencoder."""
    models = (recipe for step in steps.values() if step.known for recipe in step.known.outputs)
    if not any(isinstance(recipe, Model) and recipe.family == "sd3" for recipe in models):
        return
    for step in steps.values():
        net = recipe_of(steps, step, "control_net")
        applied = "image" in step.wires and any(socket.type is Conditioning for socket in step.outputs)
        if applied and isinstance(net, ControlNet) and net.family == "sd3" and "vae" not in step.wires:
            takes = "vae" in step.node.inputs
            cure = "wire the VAE in too" if takes else "take Apply ControlNet, and wire the VAE into it too"
            message = f"the ControlNet “{net.source.name}” is of the family sd3, which sees latents: {cure}."
            yield _problem(step, "vae" if takes else "control_net", message)


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
        clip = recipe_of(steps, step, "clip")
        if not isinstance(clip, Clip):
            continue
        for input in step.node.inputs:
            text = step.values.get(input, recipe_of(steps, step, input))
            if isinstance(text, str) and WORD.search(text):
                try:
                    demand_family(text, clip, folders)
                except NodeError as error:
                    yield _problem(step, input, error.message)


CHECKS = (
    families,
    weaker_models,
    disturbed_models,
    control_pictures,
    seeing_controlnets,
    safety_checkers,
    prefixes,
    learned_words,
    refusals,
)


def _strangers(upstream: Upstream, step: Step, model: Model, input: str) -> Iterator[Problem]:
    """The recipes upstream of one input that belong to another family than the model."""
    for source, recipe in upstream.strangers(step, input, model.family):
        message = (
            f"the model “{model.source.name}” is of the family {model.family}; {_title(recipe)} "
            f"“{recipe.source.name}” at node {source.id} ({source.name}) is of the family {recipe.family}."
        )
        yield _problem(step, input, message)


def _foreign_latents(steps: Steps, step: Step, vae: Vae) -> Iterator[Problem]:
    """The models upstream whose latents a VAE cannot decode."""
    source = steps.get(step.wires["samples"].node)
    model = recipe_of(steps, source, "model") if source else None
    if source is None or not isinstance(model, Model):
        return
    if not share_latents(vae.family, model.family):
        message = (
            f"the VAE “{vae.source.name}” is of the family {vae.family}; the latents come from node {source.id} "
            f"({source.name}), whose model “{model.source.name}” is of the family {model.family}."
        )
        yield _problem(step, "samples", message)


def _picture_kinds(steps: Steps) -> dict[str, tuple[Step, object]]:
    """Where the kind of each step's picture is known: followed up through nodes that take a picture and give one."""
    found: dict[str, tuple[Step, object]] = {}
    for step in steps.values():  # sources come first
        if "image" not in step.wires:
            continue
        source, kind = step.wires["image"].node, type_of(steps, step, "image")
        if kind in SUITABLE:
            found[step.id] = steps[source], kind
        elif kind is Image and source in found:
            found[step.id] = found[source]
    return found


def _problem(step: Step, input: str, message: str) -> Problem:
    return Problem("refused", message, step.id, step.title, step.node.id, input)


def _title(recipe: Clip | ControlNet | Vae | Model) -> str:
    titles = {Clip: "the text encoder", ControlNet: "the ControlNet", Vae: "the VAE", Model: "the model"}
    return titles[type(recipe)]
