"""Batches of latents: joined, split, repeated. Each sample keeps its place, from which its noise follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from graph_runtime import Range, node
from sd_nodes.diffusion.footprint import PIXELS
from sd_nodes.latent_edits import edited, mapped, resized
from sd_nodes.types import Latent

if TYPE_CHECKING:
    import torch


@node("Repeat Latent Batch", category="latent/batch", id="RepeatLatentBatch", version=2)
def repeat_latent_batch(samples: Latent, amount: Annotated[int, Range(1, 64)] = 1) -> Latent:
    """Repeat a batch of latents. Places in a batch, where they are known, are counted on.

    Args:
        samples: The batch.
        amount: How often it stands in the result.

    Returns:
        LATENT: The repeated batch.
    """
    from sd_nodes.imaging.pasting import fit_batch

    repeated = mapped(samples, lambda one: one.repeat(amount, 1, 1, 1))
    if "noise_mask" in samples and len(samples["noise_mask"]) > 1:
        # As ComfyUI has it: masks that are fewer than the samples go on in turn over the repeated batch.
        repeated["noise_mask"] = fit_batch(samples["noise_mask"], len(repeated["samples"]))
    if places := samples.get("batch_index"):
        span = max(places) - min(places) + 1
        repeated["batch_index"] = [place + turn * span for turn in range(amount) for place in places]
    return repeated


@node("Latent From Batch", category="latent/batch", id="LatentFromBatch")
def latent_from_batch(
    samples: Latent, batch_index: Annotated[int, Range(0, 63)] = 0, length: Annotated[int, Range(1, 64)] = 1
) -> Latent:
    """Take latents out of a batch; they get the noise that they would get in the batch.

    Args:
        samples: The batch.
        batch_index: The first one that is taken, counted from 0; the last one where there are fewer.
        length: How many are taken, as far as there are so many.

    Returns:
        LATENT: The latents.
    """
    from sd_nodes.imaging.pasting import fit_batch

    count = len(samples["samples"])
    first = min(batch_index, count - 1)
    chosen = slice(first, min(first + length, count))
    taken = mapped(samples, lambda one: one[chosen])
    if "noise_mask" in samples and len(samples["noise_mask"]) > 1:
        taken["noise_mask"] = fit_batch(samples["noise_mask"], count)[chosen]
    taken["batch_index"] = _places(samples, 0)[chosen]
    return taken


@node("Latent Batch", category="latent/batch", id="LatentBatch")
def latent_batch(samples1: Latent, samples2: Latent) -> Latent:
    """Join two batches of latents.

    Args:
        samples1: The first latents.
        samples2: The latents after them; scaled to the size of the first.

    Returns:
        LATENT: All of them.
    """
    import torch

    first, second = samples1["samples"], samples2["samples"]
    if first.shape[2:] != second.shape[2:]:
        second = resized(second, first.shape[3], first.shape[2], "bilinear", crop=True)
    joined = edited(samples1, torch.cat([first, second]))
    joined["batch_index"] = _places(samples1, 0) + _places(samples2, 0)
    return joined


@node("Rebatch Latents", category="latent/batch", id="RebatchLatents", version=2)
def rebatch_latents(latents: list[Latent], batch_size: Annotated[int, Range(1, 4096)] = 1) -> list[Latent]:
    """Split or join batches of latents into batches of another size; those of different sizes stay apart.

    Args:
        latents: The batches.
        batch_size: How many latents each new batch holds; fewer where a size ends.

    Returns:
        LATENT: The new batches.
    """
    batches: list[list[Latent]] = []
    for one in _singles(latents):
        fits = batches and len(batches[-1]) < batch_size
        if fits and batches[-1][0]["samples"].shape == one["samples"].shape:
            batches[-1].append(one)
        else:
            batches.append([one])
    return [_joined(batch) for batch in batches]


@node("Latent Batch Seed Behavior", category="latent/advanced", id="LatentBatchSeedBehavior")
def latent_batch_seed_behavior(samples: Latent, seed_behavior: Literal["random", "fixed"] = "fixed") -> Latent:
    """Say whether the latents of a batch get noise of their own.

    Args:
        samples: The batch.
        seed_behavior: `random` gives each its own noise, `fixed` all the noise of the first.

    Returns:
        LATENT: The batch.
    """
    changed: Latent = {**samples}
    places = changed.pop("batch_index", [0])
    if seed_behavior == "fixed":
        changed["batch_index"] = places[:1] * len(samples["samples"])
    return changed


def spread(items: torch.Tensor, batch: int) -> torch.Tensor:
    """Spread the items of a batch evenly over a batch of another size: neighbours repeat, or some are left out.

    Of more items than wanted the first and the last are kept.

    Args:
        items: `[items, ...]`.
        batch: How many are wanted.
    """
    count = len(items)
    if count > batch:
        way = (count - 1) / max(batch - 1, 1)
        return items[[round(place * way) for place in range(batch)]]
    return items[[int((place + 0.5) * (count / batch)) for place in range(batch)]] if count < batch else items


def _singles(latents: list[Latent]) -> list[Latent]:
    """Take batches apart into latents of one sample, each with its place and, where any has one, its noise mask."""
    from sd_nodes.imaging.masking import layers
    from sd_nodes.imaging.pasting import fit_batch

    singles: list[Latent] = []
    for batch in latents:
        samples, places = batch["samples"], _places(batch, len(singles))
        masks = fit_batch(layers(batch["noise_mask"])[:, None], len(samples)) if "noise_mask" in batch else None
        for number, place in enumerate(places):
            single: Latent = {"samples": samples[number : number + 1], "batch_index": [place]}
            if masks is not None:
                single["noise_mask"] = masks[number : number + 1]
            singles.append(single)
    return singles


def _joined(batch: list[Latent]) -> Latent:
    """Join latents of one sample; one without a noise mask among others with one is noised as a whole.

    Masks of several sizes are brought to the size of the picture.
    """
    import torch

    from sd_nodes.imaging.masking import scaled

    places = [place for one in batch for place in one["batch_index"]]
    joined: Latent = {"samples": torch.cat([one["samples"] for one in batch]), "batch_index": places}
    masks = [one["noise_mask"] for one in batch if "noise_mask" in one]
    if masks:
        each = [one.get("noise_mask", torch.ones_like(masks[0])) for one in batch]
        sides = [PIXELS * side for side in joined["samples"].shape[2:]]
        same = len({mask.shape for mask in masks}) == 1
        joined["noise_mask"] = torch.cat(each if same else [scaled(mask, *sides) for mask in each])
    return joined


def _places(latent: Latent, first: int) -> list[int]:
    """The places of samples in the batch that their noise is drawn for; counted on from `first` if not known."""
    return latent.get("batch_index") or [first + number for number in range(len(latent["samples"]))]
