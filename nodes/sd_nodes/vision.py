"""Pictures as prompts: seen by CLIP, and told to models that understand what CLIP sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, cast

from graph_runtime import SILENT, Folders, NodeError, Progress, Range, node
from sd_nodes import part_sources
from sd_nodes.loaders import BaseName
from sd_nodes.places import CLIP_VISION, choices
from sd_nodes.types import Clip, ClipVision, ClipVisionOutput, Conditioning, Glance, Image, Model, Vae
from sd_nodes.weights import WeightStore

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

VisionName = Annotated[str, choices(CLIP_VISION)]


class SeeingCheckpoint(NamedTuple):
    """The parts of a checkpoint that is told of pictures beside texts.

    Args:
        MODEL: The denoising network with its scheduler.
        CLIP: The text encoder with its tokenizer.
        VAE: The autoencoder between pictures and latents.
        CLIP_VISION: The network that sees pictures.
    """

    MODEL: Model
    CLIP: Clip
    VAE: Vae
    CLIP_VISION: ClipVision


class TextlessCheckpoint(NamedTuple):
    """The parts of a checkpoint that is told of pictures alone.

    Args:
        MODEL: The denoising network with its scheduler.
        CLIP_VISION: The network that sees pictures.
        VAE: The autoencoder between pictures and latents.
    """

    MODEL: Model
    CLIP_VISION: ClipVision
    VAE: Vae


@node("Load CLIP Vision", category="loaders", id="CLIPVisionLoader", static=True)
def clip_vision_loader(clip_name: VisionName, folders: Folders) -> ClipVision:
    """Load a network that sees pictures as CLIP does.

    Args:
        clip_name: A .safetensors file in the layout of transformers or OpenCLIP, a diffusers folder or a hub id.

    Returns:
        CLIP_VISION: The network.
    """
    return part_sources.clip_vision(clip_name, folders)


@node("unCLIPCheckpointLoader", category="loaders", id="unCLIPCheckpointLoader", static=True)
def unclip_checkpoint_loader(ckpt_name: BaseName, folders: Folders) -> SeeingCheckpoint:
    """Load a checkpoint that is told of pictures beside texts (unCLIP).

    Args:
        ckpt_name: A .safetensors file or a diffusers folder.
    """
    found = part_sources.seeing_checkpoint(ckpt_name, folders)
    if found.clip is None:
        raise NodeError(f"“{ckpt_name}” reads no text; load it by ImageOnlyCheckpointLoader.", input="ckpt_name")
    return SeeingCheckpoint(found.model, found.clip, found.vae, found.clip_vision)


@node(
    "Image Only Checkpoint Loader (img2vid model)",
    category="loaders/video_models",
    id="ImageOnlyCheckpointLoader",
    static=True,
)
def image_only_checkpoint_loader(ckpt_name: BaseName, folders: Folders) -> TextlessCheckpoint:
    """Load a checkpoint that is told of pictures alone, such as Stable Zero123.

    Args:
        ckpt_name: A .safetensors file or a diffusers folder.
    """
    found = part_sources.seeing_checkpoint(ckpt_name, folders)
    return TextlessCheckpoint(found.model, found.clip_vision, found.vae)


@node("CLIP Vision Encode", category="conditioning", id="CLIPVisionEncode", resource="gpu")
def clip_vision_encode(
    clip_vision: ClipVision,
    image: Image,
    crop: Literal["center", "none"] = "center",
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> ClipVisionOutput:
    """Let CLIP see pictures.

    Args:
        clip_vision: The network that sees them.
        image: The pictures.
        crop: `center` shows it the square in the middle, `none` the whole picture squeezed into a square.

    Returns:
        CLIP_VISION_OUTPUT: The pictures as CLIP sees them.
    """
    from sd_nodes.diffusion.vision import see

    with store.module(clip_vision) as module:
        for note in store.notes(clip_vision):
            progress.say(note, once=True)
        return ClipVisionOutput(*see(image, cast("CLIPVisionModelWithProjection", module), crop == "center"))


@node("unCLIPConditioning", category="conditioning", id="unCLIPConditioning", version=2)
def unclip_conditioning(
    conditioning: Conditioning,
    clip_vision_output: ClipVisionOutput,
    strength: Annotated[float, Range(-10.0, 10.0, 0.01)] = 1.0,
    noise_augmentation: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.0,
) -> Conditioning:
    """Tell a model of a picture beside the text (unCLIP, arXiv:2204.06125); twice in a row tells it of two.

    Args:
        conditioning: The text; SDXL follows the picture instead of what the text says as a whole.
        clip_vision_output: The picture as CLIP sees it.
        strength: How much the picture counts.
        noise_augmentation: How far the model may stray from the picture.

    Returns:
        CONDITIONING: The text and the picture.
    """
    if strength == 0.0:
        return conditioning
    glance = Glance(clip_vision_output, strength, noise_augmentation)
    return conditioning.map(lambda one: replace(one, glances=(*one.glances, glance)))
