"""Sums cases up by what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.parity.cases import Case
from benchmarks.parity.measures import EQUAL
from benchmarks.parity.running import Found
from benchmarks.table import Table

NEWER = "noise on the way by the newer rule"
OTHER = "other"
GROUPS: dict[str, Sequence[str]] = {
    "samplers": ("sampler_",),
    "schedules": ("scheduler_",),
    "steps, guidance, seeds, sizes, batches": (
        "cfg", "steps", "seed_range", "size", "batch2", "latent_from_batch", "repeat_batch",
    ),
    "parts of a run (KSamplerAdvanced)": ("advanced_",),
    "custom sampling": ("custom_sampling",),
    "texts, learned words, clip skip": ("text_", "clip_skip"),
    "conditionings": ("cond_",),
    "ControlNets": ("control_",),
    "LoRAs": ("lora",),
    "patched models": ("patch_",),
    "inpainting": ("inpaint_", "outpaint", "differential_diffusion"),
    "latents": ("img2img", "latent_op_", "latent_upscale"),
    "the autoencoder, whole and in tiles": ("vae_",),
    "pictures and masks": ("image_",),
    "SDXL": ("sdxl_",),
}  # fmt: skip
"""What cases are about, by the beginnings of their features."""


def group_of(case: Case) -> str:
    """What a case is about."""
    if case.rule == "next":
        return NEWER
    groups = (name for name, beginnings in GROUPS.items() if case.feature.startswith(tuple(beginnings)))
    return next(groups, OTHER)


def table(found: Iterable[Found]) -> Table:
    """Sums up by group: how many cases there are, how many are met, and the worst of their measures."""
    by_group: dict[str, list[Found]] = {name: [] for name in (*GROUPS, NEWER, OTHER)}
    for one in found:
        by_group[group_of(one.case)].append(one)
    rows = [_row(name, those) for name, those in by_group.items() if those]
    everything = [one for those in by_group.values() for one in those]
    columns = ("", "cases", "met", "lowest PSNR", "largest latent error")
    return Table("Stock workflows", columns, [*rows, _row("**all**", everything)])


def _row(name: str, found: Sequence[Found]) -> list[str]:
    ratios = [one.ratio for one in found if one.ratio is not None]
    errors = [one.error for one in found if one.error is not None]
    return [name, str(len(found)), str(sum(one.met for one in found)), _decibels(ratios), _least(errors)]


def _decibels(ratios: Sequence[float]) -> str:
    if not ratios:
        return "-"
    return "identical" if min(ratios) == EQUAL else f"{min(ratios):.1f} dB"


def _least(errors: Sequence[float]) -> str:
    return f"{max(errors):.1e}" if errors else "-"
