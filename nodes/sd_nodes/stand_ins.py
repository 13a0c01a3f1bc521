"""Objects that stand in for models before nodes written for ComfyUI: the few methods that such nodes call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from graph_runtime import NodeError
from sd_nodes.types import Clip, Vae

if TYPE_CHECKING:
    import torch

    from sd_nodes.weights import WeightStore

Tokens: TypeAlias = dict[str, list[list[tuple[int, float]]]]
"""Framed tokens with their weights, a list for each window of the text encoder, under "l"."""


class NotOffered(NodeError, AttributeError):
    """A node asks of a model what cannot be carried over; `hasattr` takes it for a plain no."""


class StandIn:
    """Stands in for a recipe.

    Args:
        recipe: The recipe.
        store: Where its modules come from.
    """

    __slots__ = ("_store", "recipe")
    what = "model"

    def __init__(self, recipe: Any, store: WeightStore) -> None:
        self.recipe = recipe
        self._store = store

    def clone(self) -> Self:
        """Another object that stands in for the same."""
        return type(self)(self.recipe, self._store)

    def __getattr__(self, name: str) -> Any:
        """Refuse what is not offered.

        Raises:
            NotOffered: Always.
        """
        raise NotOffered(
            f"the node uses {name} of the {self.what}, which cannot be carried over: {self.what}s are passed on here "
            "as recipes, and are changed only by nodes that know those."
        )


class StandInModel(StandIn):
    """Stands in for a denoising network: it can be passed on, and takes no patches."""

    __slots__ = ()


class StandInNet(StandIn):
    """Stands in for a ControlNet: it can be passed on."""

    __slots__ = ()
    what = "ControlNet"


class StandInVae(StandIn):
    """Stands in for an autoencoder."""

    __slots__ = ()
    what = "VAE"
    recipe: Vae

    @property
    def downscale_ratio(self) -> int:
        """How many pixels a latent spans, each way."""
        from sd_nodes.diffusion.vae import factor

        with self._store.vae(self.recipe) as module:
            return factor(module)

    upscale_ratio = downscale_ratio

    @property
    def latent_channels(self) -> int:
        """How many channels latents have."""
        with self._store.vae(self.recipe) as module:
            return int(module.config.latent_channels)

    def spacial_compression_encode(self) -> int:
        """How many pixels a latent spans, each way."""
        return self.downscale_ratio

    spacial_compression_decode = spacial_compression_encode

    def decode(self, samples_in: torch.Tensor) -> torch.Tensor:
        """Turn latents, `[batch, channels, height / 8, width / 8]`, into pictures."""
        from sd_nodes.diffusion.vae import decode

        with self._store.vae(self.recipe) as module:
            return decode(samples_in, module)

    def encode(self, pixel_samples: torch.Tensor) -> torch.Tensor:
        """Turn pictures, `[batch, height, width, 3]`, into latents; what is over a multiple of 8 is cut off."""
        from sd_nodes.diffusion.vae import encode, factor
        from sd_nodes.imaging.inpainting import to_multiples

        with self._store.vae(self.recipe) as module:
            return encode(to_multiples(pixel_samples[..., :3], factor(module)), module).float().cpu()

    def decode_tiled(self, samples: torch.Tensor, **_: object) -> torch.Tensor:
        """Turn large latents into pictures, tile by tile."""
        from sd_nodes.diffusion.vae import decode

        with self._store.vae(self.recipe) as module:
            return decode(samples, module, tiled=True)

    def encode_tiled(self, pixel_samples: torch.Tensor, **_: object) -> torch.Tensor:
        """Turn large pictures into latents, tile by tile."""
        from sd_nodes.diffusion.vae import encode, factor
        from sd_nodes.imaging.inpainting import to_multiples

        with self._store.vae(self.recipe) as module:
            fitted = to_multiples(pixel_samples[..., :3], factor(module))
            return encode(fitted, module, tiled=True).float().cpu()


class StandInClip(StandIn):
    """Stands in for a text encoder with its tokenizer."""

    __slots__ = ()
    what = "CLIP"
    recipe: Clip

    def clip_layer(self, layer_idx: int) -> None:
        """Read the encoder at a layer: -1 is the last one."""
        self.recipe = replace(self.recipe, skip=-1 - layer_idx)

    def tokenize(self, text: str, return_word_ids: bool = False, **_: object) -> Tokens:
        """Turn a text into framed tokens; all weights are 1."""
        from sd_nodes.diffusion.text import framed, window

        with self._store.text_encoder(self.recipe) as (tokenizer, encoder):
            ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
            chunks = framed(ids, tokenizer, window(tokenizer, encoder))
        return {"l": [[(int(id), 1.0) for id in chunk[0]] for chunk in chunks]}

    def encode_from_tokens(self, tokens: Tokens, return_pooled: bool = False, return_dict: bool = False) -> Any:
        """Encode framed tokens.

        Returns:
            `[1, tokens, width]`; with `return_pooled` a pair with the pooled state, `[1, width]`; with `return_dict`
            both by name.

        Raises:
            NodeError: A token is weighted.
        """
        import torch

        from sd_nodes.diffusion.text import check_skip, token_states
        from sd_nodes.diffusion.views import device_of

        windows = [entry for part in tokens.values() for entry in part]
        if any(float(entry[1]) != 1.0 for window in windows for entry in window):
            raise NodeError("the node weighs single tokens, which cannot be carried over.")
        with self._store.text_encoder(self.recipe) as (_, encoder):
            check_skip(encoder, self.recipe.skip)
            ids = [torch.tensor([[entry[0] for entry in window]], device=device_of(encoder)) for window in windows]
            states = torch.cat([token_states(one, encoder, self.recipe.skip) for one in ids], dim=1).cpu()
            with torch.no_grad():
                pooled = encoder(ids[0]).pooler_output.cpu()
        if return_dict:
            return {"cond": states, "pooled_output": pooled}
        return (states, pooled) if return_pooled else states

    def encode_from_tokens_scheduled(
        self, tokens: Tokens, add_dict: dict[str, object] | None = None, **_: object
    ) -> list[list[object]]:
        """Encode framed tokens into a conditioning as packs have it."""
        states, pooled = self.encode_from_tokens(tokens, return_pooled=True)
        return [[states, {"pooled_output": pooled, **(add_dict or {})}]]

    def encode(self, text: str) -> torch.Tensor:
        """Encode a text: `[1, tokens, width]`."""
        found: torch.Tensor = self.encode_from_tokens(self.tokenize(text))
        return found
