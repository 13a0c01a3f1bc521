"""Small pictures of latents while they are sampled."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image as Pillow

from graph_runtime import NodeError, Preview
from sd_nodes import sources
from sd_nodes.arrays import bytes_of
from sd_nodes.diffusion.preview import fit_colours, preview
from sd_nodes.types import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from sd_nodes.diffusion.preview import Colours
    from sd_nodes.types import Model
    from sd_nodes.weights import WeightStore

LONGEST = 512
"""The longer side of a preview in pixels, at most."""


def shown_by(store: WeightStore, model: Model) -> Callable[[torch.Tensor], Callable[[], Preview] | None]:
    """Return what makes previews of a model's latents, each drawn only if somebody looks.

    Their colours are fitted to the autoencoder that lies beside the model; without one there are no previews.
    """
    try:
        vae = sources.vae(model.source.name, store.folders)
    except NodeError:
        return lambda latents: None

    @cache
    def colours() -> Colours:
        with store.vae(vae) as module:
            return fit_colours(module)

    return lambda latents: lambda: _encoded(latents, colours())


def _encoded(latents: torch.Tensor, colours: Colours) -> Preview:
    first = bytes_of(Image(preview(latents[:1], colours)))[0]
    height, width = first.shape[:2]
    times = max(1, min(8, LONGEST // max(height, width)))
    picture = Pillow.fromarray(first).resize((width * times, height * times), Pillow.Resampling.BICUBIC)
    data = BytesIO()
    picture.save(data, format="JPEG", quality=85)
    return Preview("image/jpeg", data.getvalue())
