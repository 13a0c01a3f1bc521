"""Latents in the number of channels that a model draws in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_runtime import NodeError

if TYPE_CHECKING:
    from sd_nodes.types import Latent, Model


def fitting(latent: Latent, model: Model, channels: int) -> Latent:
    """Return latents as a model takes them: empty ones are empty in any number of channels, as in ComfyUI.

    Args:
        latent: The latents, `[batch, any channels, height, width]`.
        model: The model, for the message.
        channels: How many it draws in.

    Raises:
        NodeError: They hold something, and have another number of channels.
    """
    samples = latent["samples"]
    if samples.shape[1] == channels:
        return latent
    if samples.any():
        found, name = samples.shape[1], model.source.name
        raise NodeError(
            f"the latents have {found} channels; “{name}” (of the family {model.family}) draws in {channels}. Take "
            "latents of the same family: encode the picture with the VAE of that model."
        )
    empty = samples.new_zeros((samples.shape[0], channels, *samples.shape[2:]))
    return {**latent, "samples": empty}
