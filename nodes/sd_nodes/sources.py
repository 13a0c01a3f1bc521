"""From a model's name to its recipes: what is there, of which family, with which content; no weight is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, final

from graph_runtime import NodeError
from sd_nodes.assets import T5_TOKENIZER, present
from sd_nodes.components import Component, components
from sd_nodes.digests import digest_file, digest_files
from sd_nodes.families import CLASSES, family_of, family_of_adapter, family_of_latents, family_of_transformer, kind_of
from sd_nodes.layouts import CONTROL_LORA
from sd_nodes.places import (
    BASE,
    CLIP_VISION,
    CONTROLNET,
    GLIGEN,
    SAFETY,
    STYLE,
    TEXT,
    UNET,
    UPSCALE,
    VAE,
    find,
    is_there,
)
from sd_nodes.shapes import config_of, known_families, text_width
from sd_nodes.types import Clip, ControlNet, Model, Recipe, SafetyChecker, Source, Vae
from sd_nodes.unread import demand_read, loaded_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from graph_runtime import Folders
    from sd_nodes.shapes import Config

SHELVES = {
    "vae": VAE,
    "controlnet": CONTROLNET,
    "t2i_adapter": CONTROLNET,
    CONTROL_LORA: CONTROLNET,
    "safety_checker": SAFETY,
    "unet": UNET,
    "transformer": UNET,
    "text_encoder_3": TEXT,
    "text_encoder": TEXT,
    "text_encoder_2": TEXT,
    "upscaler": UPSCALE,
    "image_encoder": CLIP_VISION,
    "gligen": GLIGEN,
    "style_model": STYLE,
}
"""Where a part lies that does not only come in a base model."""

TABLE = "embeddings.token_embedding.weight"
SECOND_WIDTH = 1024
"""The width of the text encoder of Stable Diffusion 2."""

LATENT_SCALE = 0.18215
"""What the latents of an autoencoder are multiplied by whose configuration says nothing, as diffusers has it."""

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
STEERING = ("controlnet", "t2i_adapter", CONTROL_LORA)
"""The parts by which pictures steer a network: ControlNets, and what is loaded like them."""

NETWORKS = ("unet", "transformer")
"""The part that denoises, by its class."""


class Checkpoint(NamedTuple):
    """The recipes of a base model; `safety` is None where the model comes without a safety checker."""

    model: Model
    clip: Clip
    vae: Vae
    safety: SafetyChecker | None


@final
@dataclass(frozen=True)
class Estimate:
    """What recipes weigh, as their files store them."""

    parameters: int
    bytes: int


def checkpoint(name: str, folders: Folders) -> Checkpoint:
    """Return the recipes of a base model.

    Args:
        name: See `places.find`.
        folders: Where models lie.

    Raises:
        NodeError: There is no such model, or it lacks a UNet, a text encoder or a VAE.
    """
    found = components(root := find(name, BASE, folders))
    demand_read(name, root, found)
    network = next((part for part in NETWORKS if part in found), NETWORKS[0])
    if network in found and found[network].folder is None:
        readable_family(found[network])
    demand(name, found, (network, next((part for part in ENCODERS if part in found), ENCODERS[0]), "vae"))
    family = family_in(found[network])
    sources = {part: source_at(name, found[part], folders) for part in found if part != "controlnet"}
    safety = SafetyChecker(sources["safety_checker"]) if "safety_checker" in sources else None
    first, *others = (sources[part] for part in ENCODERS if part in sources)
    clip = Clip(first, family, skip=_skip(found), others=tuple(others))
    return Checkpoint(Model(sources[network], family), clip, Vae(sources["vae"], family), safety)


def controlnet(name: str, folders: Folders, kind: str = "") -> ControlNet:
    """Return the recipe of a ControlNet or T2I adapter; without `kind` its name tells what it was trained for."""
    found = components(find(name, CONTROLNET, folders))
    part = next((part for part in STEERING if part in found), STEERING[0])
    demand(name, found, (part,))
    component = found[part]
    family = family_in(component)
    if part == "controlnet" and component.config() is None and family != "flux":  # no model fits that: see `checks`
        readable_family(component)
    return ControlNet(source_at(name, component, folders), family, kind or kind_of(name.rstrip("/").rpartition("/")[2]))


def vae(name: str, folders: Folders) -> Vae:
    """Return the recipe of a VAE that lies by itself or in a base model; by itself its latents tell its family."""
    found = components(find(name, VAE, folders))
    demand(name, found, ("vae",))
    network = next((found[part] for part in NETWORKS if part in found), None)
    family = family_in(network) if network else family_of_vae(found["vae"])
    return Vae(source_at(name, found["vae"], folders), family)


def safety_checker(name: str, folders: Folders) -> SafetyChecker:
    """Return the recipe of a safety checker that lies by itself or in a base model."""
    found = components(find(name, SAFETY, folders))
    demand(name, found, ("safety_checker",))
    return SafetyChecker(source_at(name, found["safety_checker"], folders))


def locate(source: Source, folders: Folders) -> Component:
    """Return where the weights of a recipe lie on this machine.

    Raises:
        NodeError: They are not there, or their content is not what the recipe was made for.
    """
    present: list[str] = []
    for root in _candidates(source, folders):
        component = components(root).get(source.part)
        if component:
            digest = source_at(source.name, component, folders).digest
            if digest == source.digest:
                return with_tokenizer(component, folders)
            present.append(f"{root} ({digest[:12]})")
    raise NodeError(
        f"The {source.part} of “{source.name}” with SHA-256 {source.digest[:12]}... is not there. Found: "
        f"{', '.join(present) or 'no such part'}. The files have changed since the graph was planned: run it again."
    )


def estimate(recipes: Iterable[Recipe], folders: Folders) -> Estimate:
    """Return the parameters and stored bytes of recipes together; what several recipes share counts once."""
    sources = {source for recipe in recipes for source in sources_of(recipe)}
    tensors = [tensor for source in sources for tensor in locate(source, folders).header().values()]
    return Estimate(sum(each.parameters for each in tensors), sum(each.bytes for each in tensors))


def sources_of(recipe: Recipe) -> tuple[Source, ...]:
    """Return where the weights of a recipe are: a text encoder may have a second one."""
    if isinstance(recipe, Clip):
        return tuple(each.source for each in recipe.encoders)
    return (recipe.source,)


def readable_family(component: Component) -> str:
    """Return the family whose constants complete the shapes of a single file.

    Raises:
        NodeError: No constants are known for it.
    """
    family = family_in(component) or _family_beside(component)
    if family not in known_families():
        raise NodeError(
            f"{component.root} is a single file of the family {family}; single files are read for "
            f"{', '.join(known_families())}. Use the model's diffusers folder."
        )
    return family


def configuration(component: Component) -> Config:
    """Return the configuration that was written down of a part, or what the shapes in a single file tell of it.

    Raises:
        NodeError: It is a single file of a family whose constants are not known, and holds none.
        KeyError: It lacks a tensor whose shape is needed.
    """
    if (config := component.config()) is not None:
        return config
    shapes = {name: tensor.shape for name, tensor in component.header().items()}
    return config_of(component.part, readable_family(component), shapes)


def _candidates(source: Source, folders: Folders) -> list[Path]:
    """Find the paths a recipe's name can mean: on the shelf of its part, or as a base model that holds the part."""
    shelves = (SHELVES.get(source.part, BASE), BASE)
    found = dict.fromkeys(find(source.name, each, folders) for each in shelves if is_there(source.name, each, folders))
    return list(found) or [find(source.name, shelves[0], folders)]


def source_at(name: str, component: Component, folders: Folders) -> Source:
    """Return where the weights of a part are, with the digest of what decides it."""
    component = with_tokenizer(component, folders)
    if component.files == (component.root,):
        return Source(name, digest_file(component.root, folders.state), component.part)
    return Source(name, digest_files(component.root, component.files, folders.state), component.part)


def with_tokenizer(component: Component, folders: Folders) -> Component:
    """Return a T5 beside which no tokenizer lies with the one that has been fetched; any other part as it is."""
    if component.part != "text_encoder_3" or component.tokenizer:
        return component
    return replace(component, files=(*component.files, *present(T5_TOKENIZER, folders)))


def family_in(component: Component) -> str:
    """Return the family of a UNet, ControlNet or T2I adapter; empty where nothing in it tells."""
    if component.part == "transformer":
        return "sd3"
    if component.part == "t2i_adapter":
        return family_of_adapter({name: tensor.shape for name, tensor in component.header().items()})
    if config := component.config():
        width = config.get("cross_attention_dim")
        return CLASSES.get(str(config.get("_class_name")), family_of(width if isinstance(width, int) else None))
    shapes = {name: tensor.shape for name, tensor in component.header().items()}
    if "pos_embed_input.proj.weight" in shapes:
        return "sd3"
    if component.part == CONTROL_LORA:
        return family_of(next((shape[1] for name, shape in shapes.items() if name.endswith(".attn2.to_k.down")), None))
    return family_of_transformer(shapes) or family_of(text_width(shapes))


def family_of_vae(component: Component) -> str:
    """Return the family of an autoencoder by itself, or those that it may belong to."""
    if config := component.config():
        return family_of_latents(config.get("latent_channels", 4), config.get("scaling_factor", LATENT_SCALE))
    into = component.header().get("decoder.conv_in.weight")
    return family_of_latents(into.shape[1] if into and len(into.shape) > 1 else None, None)


def _family_beside(component: Component) -> str:
    """Return the family of the UNet in the same file; alone, a part is as Stable Diffusion 1 has it.

    The text encoder of Stable Diffusion 2 is told by its width.
    """
    beside = components(component.root)
    if network := next((beside[part] for part in NETWORKS if part in beside), None):
        return family_in(network)
    if component.part == "vae" and "sd3" in family_of_vae(component):
        return "sd3"
    if component.part == "text_encoder" and embedding_width(component) == SECOND_WIDTH:
        return "sd2"
    return "sdxl" if component.part == "text_encoder_2" else "sd1"


def embedding_width(component: Component) -> int | None:
    """Return the width of a text encoder's tokens."""
    tables = (tensor.shape for name, tensor in component.header().items() if name.endswith(TABLE))
    return next((shape[1] for shape in tables), None)


def _skip(found: dict[str, Component]) -> int:
    """Return how many of the last layers of its text encoders a base model was trained without.

    Diffusers' folders of Stable Diffusion 2 hold its text encoder without the layer that is left out.
    """
    first = found.get("text_encoder")
    if "transformer" in found:
        return 1
    cut = "text_encoder_2" not in found and (first is None or first.folder is not None)
    return 0 if cut or family_in(found["unet"]) == "sd1" else 1


def demand(name: str, found: dict[str, Component], needed: tuple[str, ...]) -> None:
    """Make sure that a model has all of some parts.

    Raises:
        NodeError: It lacks some.
    """
    if missing := [part for part in needed if part not in found]:
        held = ", ".join(found) or "nothing"
        raise NodeError(f"“{name}” has no {' and no '.join(missing)}: it holds {held}.{loaded_by(found)}")
