"""From the names of models that lie by themselves to their recipes; see `sources` for those of whole base models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from graph_runtime import NodeError
from sd_nodes import sources
from sd_nodes.components import Component, components
from sd_nodes.families import family_of
from sd_nodes.places import BASE, CLIP_VISION, GLIGEN, STYLE, TEXT, UNET, UPSCALE, Shelf, find, is_there
from sd_nodes.recipes import Clip, ClipVision, ControlNet, Gligen, Model, Source, StyleModel, UpscaleModel, Vae
from sd_nodes.unread import demand_read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graph_runtime import Folders


class SeeingCheckpoint(NamedTuple):
    """The recipes of a base model that is told of pictures."""

    model: Model
    clip: Clip | None
    vae: Vae
    clip_vision: ClipVision


ORDER = ("text_encoder", "text_encoder_2", "text_encoder_3")
"""The order in which the text encoders of a family read a prompt, whatever order they are named in."""


def unet(name: str, folders: Folders) -> Model:
    """Return the recipe of a denoising network that lies by itself, or in a base model."""
    component = _network(name, folders)
    if component.folder is None:
        sources.readable_family(component)
    return Model(sources.source_at(name, component, folders), sources.family_in(component))


def _network(name: str, folders: Folders) -> Component:
    found = components(root := find(name, UNET, folders))
    demand_read(name, root, found)
    if part := next((part for part in sources.NETWORKS if part in found), None):
        return found[part]
    raise NodeError(f"“{name}” has no denoising network: it holds {', '.join(found) or 'nothing'}.")


def clip(names: Sequence[str], folders: Folders, family: str = "") -> Clip:
    """Return the recipe of text encoders that lie by themselves and read a prompt side by side.

    Args:
        names: Their names, in any order.
        folders: Where models lie.
        family: What they go with; without it the width of a lone encoder tells.

    Raises:
        NodeError: One of them holds no text encoder, or two are of the same kind.
    """
    found: dict[str, tuple[str, Component]] = {}
    for name in names:
        held = components(find(name, TEXT, folders))
        parts = [part for part in ORDER if part in held]
        if not parts:
            raise NodeError(f"“{name}” holds no text encoder: it holds {', '.join(held) or 'nothing'}.")
        if parts[0] in found:
            raise NodeError(f"“{found[parts[0]][0]}” and “{name}” are text encoders of the same kind.")
        found[parts[0]] = (name, held[parts[0]])
    ordered = [found[part] for part in ORDER if part in found]
    first, *others = (sources.source_at(name, component, folders) for name, component in ordered)
    told = family or _alone(ordered[0][1])
    return Clip(first, told, skip=_skip(told, ordered[0][1]), others=tuple(others))


def style(name: str, folders: Folders) -> StyleModel:
    """Return the recipe of a network that turns a picture's style into words."""
    return StyleModel(_source(name, "style_model", STYLE, folders))


def gligen(name: str, folders: Folders) -> Gligen:
    """Return the recipe of layers that bind words to boxes; the width of the text that they see tells their family."""
    component = components(find(name, GLIGEN, folders)).get("gligen")
    return Gligen(_source(name, "gligen", GLIGEN, folders), _family_of_gligen(component) if component else "")


def _family_of_gligen(component: Component) -> str:
    linear = next((tensor for name, tensor in component.header().items() if name.endswith(".linear.weight")), None)
    return family_of(linear.shape[1] if linear and len(linear.shape) > 1 else None)


def upscaler(name: str, folders: Folders) -> UpscaleModel:
    """Return the recipe of a network that enlarges pictures."""
    return UpscaleModel(_source(name, "upscaler", UPSCALE, folders))


def clip_vision(name: str, folders: Folders) -> ClipVision:
    """Return the recipe of a network that sees pictures as CLIP does, by itself or in a base model."""
    shelf = CLIP_VISION if is_there(name, CLIP_VISION, folders) else BASE
    return ClipVision(_source(name, "image_encoder", shelf, folders))


def seeing_checkpoint(name: str, folders: Folders) -> SeeingCheckpoint:
    """Return the recipes of a base model that is told of pictures; `clip` is None where it reads no text.

    Raises:
        NodeError: It lacks a network, an encoder of pictures or a VAE.
    """
    found = components(find(name, BASE, folders))
    sources.demand(name, found, ("unet", "image_encoder", "vae"))
    at = {part: sources.source_at(name, component, folders) for part, component in found.items()}
    family = sources.family_in(found["unet"])
    clip = sources.checkpoint(name, folders).clip if any(part in found for part in ORDER) else None
    return SeeingCheckpoint(Model(at["unet"], family), clip, Vae(at["vae"], family), ClipVision(at["image_encoder"]))


def _source(name: str, part: str, shelf: Shelf, folders: Folders) -> Source:
    """Return where the weights of a part lie that is looked for on a shelf."""
    found = components(find(name, shelf, folders))
    if part not in found:
        raise NodeError(f"“{name}” is no {shelf.title}: it holds {', '.join(found) or 'nothing'}.")
    return sources.source_at(name, found[part], folders)


def difference(base: Model, net: ControlNet) -> ControlNet:
    """Return a ControlNet whose weights may be stored as differences from a model's."""
    return replace(net, base=base.source)


def family_of_parts(found: Mapping[str, Component]) -> str:
    """Return the family of what lies in a file or folder, or those that it may belong to; empty where nothing tells."""
    network = next((found[part] for part in (*sources.NETWORKS, *sources.STEERING) if part in found), None)
    if network:
        return sources.family_in(network)
    if "vae" in found:
        return sources.family_of_vae(found["vae"])
    if "gligen" in found:
        return _family_of_gligen(found["gligen"])
    first = found.get("text_encoder")
    return "sd2" if first and sources.embedding_width(first) == sources.SECOND_WIDTH else ""


def _alone(component: Component) -> str:
    """Return the family that a lone text encoder belongs to, by its width."""
    return family_of(sources.embedding_width(component))


def _skip(family: str, component: Component) -> int:
    """Return how many of the last layers a family leaves out; a folder of Stable Diffusion 2 lacks them already."""
    if family in ("sdxl", "sdxl-refiner", "sd3"):
        return 1
    return 1 if family == "sd2" and component.folder is None else 0
