"""What settings change in a picture of the demonstration model, and what they save: float8, tiles, other kernels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.accounting import peak_bytes
from benchmarks.table import Table
from graph_runtime import Folders
from sd_nodes import sources
from sd_nodes.latents import empty_latent_image, vae_decode
from sd_nodes.sampling import sampler
from sd_nodes.settings import attention_backend, model_dtype, vae_memory
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Clip, Conditioning, Model, Vae
from sd_nodes.weights import WeightStore

PROMPT, STEPS = "a cat face", 20


@dataclass(frozen=True)
class Parts:
    """The demonstration model under some setting.

    Attributes:
        name: The setting.
        model: Its UNet.
        vae: Its autoencoder.
        side: The side of the picture in pixels.
    """

    name: str
    model: Model
    vae: Vae
    side: int = 128


def measure() -> list[Table]:
    """Draw one picture under each setting, and compare it with that of the plain one in float32."""
    with tempfile.TemporaryDirectory() as state:
        folders = Folders(state=Path(state))
        base = sources.checkpoint("emoji", folders)
        words = _words(base.clip, folders)
        plain: dict[int, Tensor] = {}
        rows = []
        for parts in _settings(base.model, base.vae):
            store = WeightStore(folders, budget=1 << 30)
            peak, picture = _drawn(parts, words, store)
            reference = plain.setdefault(parts.side, picture)
            apart = 255 * (picture - reference).abs()
            changed = "-" if picture is reference else f"{apart.mean():.2f} (most {apart.max():.0f})"
            most = f"{peak / 1e6:.1f} MB" if peak else "-"
            rows.append([parts.name, f"{store.bytes / 1e6:.1f} MB", most, changed])
            store.close()
    columns = ["", "weights of UNet and VAE", "most beside them", "change in grey levels of 255"]
    note = f"The demonstration model on the CPU, “{PROMPT}”, {STEPS} steps of its scheduler; bytes of tensors counted."
    return [Table("What settings save, and what they change", columns, rows, note)]


def _settings(model: Model, vae: Vae) -> Iterator[Parts]:
    yield Parts("float32", model, vae)
    yield Parts("`sdpa_math`", attention_backend(model, "sdpa_math"), attention_backend(vae, "sdpa_math"))
    yield Parts("bfloat16", model_dtype(model, "bfloat16"), model_dtype(vae, "bfloat16"))
    for storage in ("float8_e4m3fn", "float8_e5m2"):
        kept = model_dtype(model, "float32", storage), model_dtype(vae, "float32", storage)
        yield Parts(f"float32, kept in {storage}", *kept)
    compiled = attention_backend(model, compilation="regional"), attention_backend(vae, compilation="regional")
    yield Parts("compiled by blocks", *compiled)
    yield Parts("float32 at 256 x 256", model, vae, 256)
    yield Parts("tiled VAE at 256 x 256", model, vae_memory(vae), 256)


def _words(clip: Clip, folders: Folders) -> tuple[Conditioning, Conditioning]:
    store = WeightStore(folders)
    with torch.inference_mode():
        return clip_text_encode(PROMPT, clip, store=store), clip_text_encode("", clip, store=store)


def _drawn(parts: Parts, words: tuple[Conditioning, Conditioning], store: WeightStore) -> tuple[int, Tensor]:
    """The bytes at the peak beside the weights (0 of compiled kernels, which take theirs unseen), and the picture."""
    pictures: list[Tensor] = []

    def draw() -> None:
        latent = empty_latent_image(parts.side, parts.side)
        drawn = sampler(parts.model, *words, latent, seed=1, steps=STEPS, store=store)
        pictures.append(vae_decode(drawn, parts.vae, store=store))

    with torch.inference_mode():
        draw()
    compiled = parts.model.settings.compilation != "none"
    return 0 if compiled else peak_bytes(draw), pictures[0]
