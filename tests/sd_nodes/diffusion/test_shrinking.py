"""Deep Shrink: where features are smaller, and that the latents keep their size."""

from typing import Any

import pytest
import torch
from torch.nn.functional import interpolate

from sd_nodes.diffusion.shrinking import Shrink, skip_sizes, with_shrunk_features
from tests.sd_nodes import models


def unet() -> Any:
    """Two layers a level: skip connections 0 to 5, of which 3 is the downsampler's."""
    return models.ready(models.unet(layers_per_block=2))


def seen(network: Any, size: tuple[int, int]) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """What a network predicts, and the sizes that its blocks' first layers are given, the middle's between them."""
    sizes: list[tuple[int, int]] = []
    layers = [*network.down_blocks, network.mid_block, *network.up_blocks]

    def note(_: Any, inputs: tuple[torch.Tensor, ...], __: Any) -> None:
        sizes.append((inputs[0].shape[2], inputs[0].shape[3]))

    hooks = [getattr(layer.resnets[0], "module", layer.resnets[0]).register_forward_hook(note) for layer in layers]
    latents = torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(0))
    states = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = network(latents, torch.tensor(500), states).sample
    for hook in hooks:
        hook.remove()
    return found, sizes


def test_features_are_smaller_behind_the_block_and_as_large_as_before_where_they_meet_its_skip() -> None:
    found, sizes = seen(with_shrunk_features(unet(), Shrink(3, 2.0), (16, 24)), (16, 24))
    assert found.shape == (1, 4, 16, 24)
    assert sizes == [(16, 24), (4, 6), (4, 6), (4, 6), (16, 24)]


@pytest.mark.parametrize(
    ("shrink", "expected"),
    [
        (Shrink(3, 2.0), [(16, 24)] * 3 + [(8, 12)] + [(4, 6)] * 2),
        (Shrink(3, 2.0, after_skip=False), [(16, 24)] * 3 + [(4, 6)] * 3),
        (Shrink(1, 1.5), [(16, 24)] * 2 + [(11, 16)] + [(6, 8)] * 3),
    ],
)
def test_skip_connections_have_the_sizes_that_follow(shrink: Shrink, expected: list[tuple[int, int]]) -> None:
    assert skip_sizes(unet(), shrink, (16, 24)) == expected


@pytest.mark.parametrize("after_skip", [True, False])
@pytest.mark.parametrize("method", ["bicubic", "nearest-exact", "area", "bislerp"])
@pytest.mark.parametrize("block", [1, 2, 3, 4, 5])
def test_every_block_and_method_gives_latents_of_the_same_size(block: int, method: str, after_skip: bool) -> None:
    network = unet()
    shrunk = with_shrunk_features(network, Shrink(block, 1.7, after_skip, method, method), (12, 18))
    found, _ = seen(shrunk, (12, 18))
    assert found.shape == (1, 4, 12, 18) and found.isfinite().all()
    assert not torch.allclose(found, seen(network, (12, 18))[0], atol=1e-4)


@pytest.mark.parametrize("shrink", [Shrink(6, 2.0), Shrink(32, 2.0), Shrink(3, 1.0), Shrink(2, 1.0, False)])
def test_a_block_that_is_not_there_or_a_factor_of_one_changes_nothing(shrink: Shrink) -> None:
    network = unet()
    assert torch.equal(seen(with_shrunk_features(network, shrink, (16, 16)), (16, 16))[0], seen(network, (16, 16))[0])


def test_the_result_of_the_block_is_what_is_scaled() -> None:
    """Behind the downsampler, bicubically: the next block sees just that."""
    network, given = unet(), []
    shrunk = with_shrunk_features(network, Shrink(3, 2.0), (16, 16))
    hooks = [
        network.down_blocks[0].downsamplers[0].register_forward_hook(lambda _, __, made: given.append(made)),
        network.down_blocks[1].resnets[0].register_forward_hook(lambda _, inputs, __: given.append(inputs[0])),
    ]
    seen(shrunk, (16, 16))
    for hook in hooks:
        hook.remove()
    assert torch.equal(given[1], interpolate(given[0], (4, 4), mode="bicubic"))
