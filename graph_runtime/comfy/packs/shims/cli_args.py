"""`comfy.cli_args`: ComfyUI's own options, as packs ask for them; here they stand at rest."""

from __future__ import annotations

from enum import Enum


class LatentPreviewMethod(Enum):
    """How previews are drawn."""

    NoPreviews = "none"
    Auto = "auto"
    Latent2RGB = "latent2rgb"
    TAESD = "taesd"


class Options:
    """Options by their names; None for those that say nothing here."""

    cpu = disable_metadata = lowvram = highvram = novram = normalvram = gpu_only = False
    preview_method = LatentPreviewMethod.Auto
    preview_size = 512
    listen, port = "127.0.0.1", 8188

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


args = Options()
