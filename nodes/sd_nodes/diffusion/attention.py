"""Which kernels compute attention, model by model.

Diffusers' `set_attention_backend` does nothing on UNets and ControlNets and sets a default for the whole process. The
processor here hands each model's attention to the backend that was chosen for that model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from diffusers import ModelMixin, SD3ControlNetModel, SD3Transformer2DModel
from diffusers.models import attention_dispatch
from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn
from diffusers.models.attention_processor import Attention
from torch import Tensor

from sd_nodes.diffusion.errors import SettingError, did_you_mean

BACKENDS: dict[str, AttentionBackendName] = {
    "sdpa": AttentionBackendName.NATIVE,
    "sdpa_flash": AttentionBackendName._NATIVE_FLASH,
    "sdpa_efficient": AttentionBackendName._NATIVE_EFFICIENT,
    "sdpa_cudnn": AttentionBackendName._NATIVE_CUDNN,
    "sdpa_math": AttentionBackendName._NATIVE_MATH,
    "xformers": AttentionBackendName.XFORMERS,
    "flash": AttentionBackendName.FLASH,
    "sage": AttentionBackendName.SAGE,
}
"""Our names for diffusers' backends; `sdpa` is torch's own, always there, and takes the fastest of its kernels."""

ON_GPUS = ("sdpa_efficient", "sdpa_cudnn", "xformers", "flash", "sage")
"""Backends that need a CUDA GPU."""


JOINT = (SD3Transformer2DModel, SD3ControlNetModel)
"""Networks in which text and picture attend to each other; diffusers' own processors compute that."""


@dataclass(frozen=True)
class Processor:
    """Computes the attention of a diffusers block through one backend; bit-equal to diffusers' own for `sdpa`.

    Args:
        backend: The backend.
    """

    backend: AttentionBackendName

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Returns softmax(QK' / sqrt(d)) V of the states, projected, in the shape of the hidden states."""
        residual, shape = hidden_states, hidden_states.shape
        if attn.spatial_norm is not None:
            hidden_states = attn.spatial_norm(hidden_states, temb)
        if hidden_states.ndim == 4:
            hidden_states = hidden_states.flatten(2).transpose(1, 2)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        context = self._context(attn, hidden_states, encoder_hidden_states)
        query, key, value = (
            projected.unflatten(-1, (attn.heads, -1))
            for projected in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        mask = _mask(attn, attention_mask, context)
        heads = dispatch_attention_fn(
            _normed(attn.norm_q, query), _normed(attn.norm_k, key), value, attn_mask=mask, backend=self.backend
        )
        mixed = attn.to_out[1](attn.to_out[0](heads.flatten(2).to(query.dtype)))
        if len(shape) == 4:
            mixed = mixed.transpose(-1, -2).reshape(shape)
        if attn.residual_connection:
            mixed = mixed + residual
        result: Tensor = mixed / attn.rescale_output_factor
        return result

    @staticmethod
    def _context(attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None) -> Tensor:
        if encoder_hidden_states is None:
            return hidden_states
        if attn.norm_cross:
            normed: Tensor = attn.norm_encoder_hidden_states(encoder_hidden_states)
            return normed
        return encoder_hidden_states


def set_attention(
    model: ModelMixin, wanted: str = "auto", device: torch.device | None = None, dtype: torch.dtype | None = None
) -> str:
    """Makes a model compute its attention through a backend.

    Args:
        model: A UNet, ControlNet or VAE.
        wanted: A name of `BACKENDS`, or "auto": xformers where it is usable, else torch's own.
        device: Where it will compute, if that is not where it is.
        dtype: What it will compute in, if that is not what it is in.

    Returns:
        Why another backend than the wanted one was taken; empty where it was not.

    Raises:
        SettingError: There is no such backend.
    """
    if wanted != "auto" and wanted not in BACKENDS:
        there = ", ".join(["auto", *BACKENDS])
        raise SettingError(
            f"There is no attention backend '{wanted}'.{did_you_mean(wanted, BACKENDS)} There are: {there}."
        )
    if isinstance(model, JOINT):
        plain = wanted in ("auto", "sdpa")
        return "" if plain else f"Its attention is joint: torch's own is used instead of {wanted}."
    name = "xformers" if wanted == "auto" else wanted
    reason = unusable(name, device or model.device, dtype or model.dtype, *sorted(set(_head_sizes(model))))
    model.set_attn_processor(Processor(BACKENDS["sdpa" if reason else name]))
    return f"{reason} Torch's own attention is used instead of {wanted}." if reason and wanted != "auto" else ""


def available_backends(device: torch.device) -> dict[str, str]:
    """Says for each backend why it cannot be used on a device; empty where it can."""
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    return {name: unusable(name, device, dtype) for name in BACKENDS}


def unusable(name: str, device: torch.device, dtype: torch.dtype, *head_sizes: int) -> str:
    """Says in a sentence why a backend cannot be used; empty where it can, which is found out by trying.

    Args:
        name: A name of `BACKENDS`.
        device: Where it would compute.
        dtype: What it would compute in.
        head_sizes: The sizes of attention heads that it must take.
    """
    if name == "sdpa":
        return ""
    if device.type != "cuda" and name in ON_GPUS:
        return f"The attention backend {name} needs a CUDA GPU, and the model is on {device.type}."
    try:
        attention_dispatch._check_attention_backend_requirements(BACKENDS[name])
        for size in head_sizes or (64,):
            probe = torch.zeros(1, 64, 1, size, device=device, dtype=dtype)
            dispatch_attention_fn(probe, probe, probe, backend=BACKENDS[name])
    except Exception as failure:  # kernels fail in their own ways, and each way means that this one cannot be used
        return f"The attention backend {name} is not usable: {' '.join(str(failure).split())}"
    return ""


def _head_sizes(model: ModelMixin) -> Iterator[int]:
    for module in model.modules():
        if isinstance(module, Attention):
            yield module.inner_dim // module.heads


def _normed(norm: torch.nn.Module | None, heads: Tensor) -> Tensor:
    """The norm of queries or keys, which works on each head: [batch, heads, tokens, size]."""
    if norm is None:
        return heads
    normed: Tensor = norm(heads.transpose(1, 2)).transpose(1, 2)
    return normed


def _mask(attn: Attention, mask: Tensor | None, context: Tensor) -> Tensor | None:
    """The mask as [batch, heads, queries, keys]."""
    if mask is None:
        return None
    prepared: Tensor = attn.prepare_attention_mask(mask, context.shape[1], len(context))
    return prepared.view(len(context), attn.heads, -1, prepared.shape[-1])
