"""What settings change in a picture of the demonstration model, and what they save: float8, tiles, kernels, offloading.

`full` in the environment's CONTROLGRAPH_BENCH measures compiled blocks, too: compiling takes minutes where nothing is
kept of an earlier time.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.accounting import peak_bytes
from benchmarks.table import Table
from graph_runtime import Folders
from sd_nodes import sources
from sd_nodes.latents import empty_latent_image, vae_decode
from sd_nodes.sampling import sampler
from sd_nodes.settings import attention_backend, model_dtype, model_offload, vae_memory
from sd_nodes.text import clip_text_encode
from sd_nodes.types import Clip, Conditioning, Model, Offload, Settings, Vae
from sd_nodes.weights import WeightStore
from tests.sd_nodes import toy_device

PROMPT, STEPS = "a cat face", 20
OFFLOADS: dict[Offload, str] = {
    "none": "all on the device",
    "model": "`model`: whole networks while they are used",
    "group": "`group`: whole blocks (on CUDA layers, the next one's on their way)",
    "sequential": "`sequential`: layer by layer",
}


@dataclass(frozen=True)
class Parts:
    """The demonstration model under some setting.

    Attributes:
        name: The setting.
        model: Its UNet.
        vae: Its autoencoder.
        side: The side of the picture in pixels.
        batch: How many pictures.
    """

    name: str
    model: Model
    vae: Vae
    side: int = 128
    batch: int = 1


def measure() -> list[Table]:
    """Draw one picture under each setting, and compare it with that of the plain one in float32."""
    with tempfile.TemporaryDirectory() as state:
        folders = Folders(state=Path(state))
        base = sources.checkpoint("emoji", folders)
        words = _words(base.clip, folders)
        return [_saved(base.model, base.vae, words, folders), *_offloaded(base.model, base.vae, words, folders)]


def _saved(model: Model, vae: Vae, words: tuple[Conditioning, Conditioning], folders: Folders) -> Table:
    plain: dict[tuple[int, int], Tensor] = {}
    rows = []
    for parts in _settings(model, vae):
        store = WeightStore(folders, budget=1 << 30)
        seconds, peak, picture = _drawn(parts, words, store)
        reference = plain.setdefault((parts.side, parts.batch), picture)
        changed = "-" if picture is reference else _change(picture, reference)
        most = f"{peak / 1e6:.1f} MB" if peak else "-"
        rows.append([parts.name, f"{store.bytes / 1e6:.1f} MB", most, f"{seconds:.2f} s", changed])
        store.close()
    columns = ["", "weights of UNet and VAE", "most beside them", "processor time", "change in grey levels of 255"]
    note = (
        f"The demonstration model on the CPU, “{PROMPT}”, {STEPS} steps of its scheduler, decoded; bytes of tensors "
        "counted; the second of two runs. Changes are against the first row of the same size."
    )
    return Table("What settings save, and what they change", columns, rows, note)


def _change(picture: Tensor, reference: Tensor) -> str:
    apart = 255 * (picture - reference).abs()
    return "none, to the bit" if torch.equal(picture, reference) else f"{apart.mean():.2g} (most {apart.max():.2g})"


def _settings(model: Model, vae: Vae) -> Iterator[Parts]:
    narrow, narrow_vae = model_dtype(model, "bfloat16"), model_dtype(vae, "bfloat16")
    yield Parts("float32", model, vae)
    for backend in ("sdpa_math", "sdpa_flash"):
        yield Parts(f"`{backend}`", attention_backend(model, backend), attention_backend(vae, backend))
    yield Parts("bfloat16", narrow, narrow_vae)
    yield Parts("UNet alone in bfloat16", narrow, vae)
    yield Parts("VAE alone in bfloat16", model, narrow_vae)
    for storage in ("float8_e4m3fn", "float8_e5m2"):
        kept = model_dtype(model, "float32", storage), model_dtype(vae, "float32", storage)
        yield Parts(f"float32, kept in {storage}", *kept)
    if os.environ.get("CONTROLGRAPH_BENCH") == "full":
        compiled = attention_backend(model, compilation="regional"), attention_backend(vae, compilation="regional")
        yield Parts("compiled by blocks", *compiled)
    yield Parts("float32 at 256 x 256", model, vae, 256)
    yield Parts("tiled VAE at 256 x 256", model, vae_memory(vae, sliced=False), 256)
    yield Parts("float32, batch of 4", model, vae, batch=4)
    yield Parts("sliced VAE, batch of 4", model, vae_memory(vae, tiled=False), batch=4)


def _words(clip: Clip, folders: Folders) -> tuple[Conditioning, Conditioning]:
    store = WeightStore(folders)
    with torch.inference_mode():
        return clip_text_encode(PROMPT, clip, store=store), clip_text_encode("", clip, store=store)


def _drawn(parts: Parts, words: tuple[Conditioning, Conditioning], store: WeightStore) -> tuple[float, int, Tensor]:
    """Processor seconds, the bytes at the peak beside the weights, and the picture.

    The bytes are 0 of compiled kernels, which take theirs unseen.
    """
    pictures: list[Tensor] = []

    def draw(steps: int = STEPS) -> None:
        latent = empty_latent_image(parts.side, parts.side, parts.batch)
        drawn = sampler(parts.model, *words, latent, seed=1, steps=steps, store=store)
        pictures.append(vae_decode(drawn, parts.vae, store=store))

    with torch.inference_mode():
        draw(1)  # weights are read and kernels chosen
        started = time.process_time()
        draw()
        seconds = time.process_time() - started
        compiled = parts.model.settings.compilation != "none"
        return seconds, 0 if compiled else peak_bytes(lambda: draw(2)), pictures[1]


def _offloaded(model: Model, vae: Vae, words: tuple[Conditioning, Conditioning], folders: Folders) -> Iterator[Table]:
    """What weights take up on a device while they wait elsewhere; no table where torch has no devices in Python."""
    if not toy_device.available():
        return
    there = Settings(dtype="float32", device=toy_device.NAME)  # type: ignore[arg-type]  # known to the tests alone
    rows: list[list[str]] = []
    plain: Tensor | None = None
    for offload, name in OFFLOADS.items():
        store = WeightStore(folders, budget=1 << 30)
        unet = model_offload(replace(model, settings=there), offload)
        autoencoder = model_offload(replace(vae, settings=there), offload)
        with toy_device.swapping(), toy_device.limited(None) as memory, torch.inference_mode():
            before, waits = memory.now, memory.waits
            drawn = sampler(unet, *words, empty_latent_image(128, 128), seed=1, steps=3, store=store)
            picture = vae_decode(drawn, autoencoder, store=store)
            peak, after, brought = memory.peak - before, memory.now - before, memory.waits - waits
        store.close()
        plain = picture if plain is None else plain
        changed = "-" if plain is picture else _change(picture, plain)
        rows.append([name, f"{peak / 1e6:.1f} MB", f"{after / 1e6:.1f} MB", f"{brought:,}", changed])
    columns = ["", "most on the device", "on it afterwards", "transfers", "change in grey levels of 255"]
    note = "The demonstration model, 3 steps and decoding, on a toy accelerator that counts its bytes and transfers."
    yield Table("Where weights wait", columns, rows, note)
