"""From the changes of a model to what is done to its guided predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sd_nodes.diffusion.k import corrections as rules
from sd_nodes.diffusion.k.network import Network
from sd_nodes.diffusion.k.self_attention import Blurred as AtWork
from sd_nodes.diffusion.k.self_attention import Watch
from sd_nodes.diffusion.mmdit import Mmdit
from sd_nodes.diffusion.perturbed import attends_in_middle, with_perturbed_attention
from sd_nodes.tweaks import Away, Blurred, Ruled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sd_nodes.diffusion.k.corrections import Correction
    from sd_nodes.tweaks import Tweaks


def watching(network: Network, tweaks: Tweaks) -> tuple[Network, Watch | None]:
    """Return a network that is watched, and what watches it, where a correction needs to see how it attends."""
    if not attends_in_middle(network.unet) or not any(isinstance(one, Blurred) for one in tweaks.corrections):
        return network, None
    watch = Watch()
    return Network(watch.watched(network.unet), network.parameterization, network.at, watch.sides), watch


def corrections_of(tweaks: Tweaks, network: Network, watched: Network, watch: Watch | None) -> tuple[Correction, ...]:
    """Return what is done to guided predictions.

    Args:
        tweaks: The changes of the model.
        network: The model.
        watched: The model as it is watched.
        watch: What watches it, if anything does.
    """
    found = (_correction(one, network, watched, watch) for one in tweaks.corrections)
    return (*(one for one in found if one is not None), *_skipping(tweaks, network))


def _correction(
    one: Away | Blurred | Ruled, network: Network, watched: Network, watch: Watch | None
) -> Correction | None:
    if isinstance(one, Ruled):
        return _rule(one)
    if not attends_in_middle(network.unet):
        return None
    if isinstance(one, Blurred):
        return None if watch is None else AtWork(watched, watch, one.scale, one.sigma)
    view = with_perturbed_attention(network.unet)
    return rules.Away(Network(view, network.parameterization, network.at), one.scale)


def _rule(one: Ruled) -> Correction:
    if one.rule == "zero star":
        return rules.zero_star
    if one.rule == "towards prompt":
        return rules.towards_prompt
    return rules.Normed(one.amount) if one.rule == "norm" else rules.LessNoise(one.amount)


def _skipping(tweaks: Tweaks, network: Network) -> Iterator[Correction]:
    """Give the guidance away from a transformer that passes by some of its blocks."""
    skipped = tweaks.skipped
    if skipped is not None and isinstance(network.unet, Mmdit):
        view = with_perturbed_attention(network.unet, way="skipped", layers=skipped.layers)
        at_percent = network.parameterization.levels.at_percent
        window = at_percent(skipped.start), at_percent(skipped.end)
        yield rules.Away(Network(view, network.parameterization, network.at), skipped.scale, *window)
