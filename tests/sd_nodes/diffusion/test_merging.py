"""Token merging, against bipartite soft matching written out token by token (arXiv:2303.17604)."""

import torch

from sd_nodes.diffusion.merging import matched, with_merged_tokens
from tests.sd_nodes import models


def tokens(height: int, width: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, height * width, 6, generator=torch.Generator().manual_seed(1))


def merged_by_hand(one: torch.Tensor, targets: list[int], count: int) -> tuple[dict[int, list[int]], set[int]]:
    """For each target what is merged into it, and the places that stay, for a single picture."""
    others = [place for place in range(len(one)) if place not in targets]
    cosine = torch.nn.functional.cosine_similarity(one[:, None], one[None], dim=-1)
    pairs = [(max(float(cosine[place, target]) for target in targets), place) for place in others]
    chosen = [place for _, place in sorted(pairs, reverse=True)[:count]]
    into: dict[int, list[int]] = {target: [] for target in targets}
    for place in chosen:
        into[max(targets, key=lambda target, place=place: float(cosine[place, target]))].append(place)
    return into, set(others) - set(chosen)


def test_the_most_alike_pairs_are_merged_into_their_mean() -> None:
    x = tokens(6, 4)
    merge = matched(x, 6, 4, 0.4, torch.Generator().manual_seed(3))
    assert merge is not None
    targets, short = merge.targets.tolist(), merge.apply(x)
    assert short.shape == (2, 24 - int(24 * 0.4), 6)
    for one, found in zip(x, short, strict=True):
        into, stay = merged_by_hand(one, targets, int(24 * 0.4))
        means = torch.stack([one[[target, *into[target]]].mean(0) for target in targets])
        torch.testing.assert_close(found[-len(targets) :], means)
        kept = {tuple(row) for row in found[: -len(targets)].tolist()}
        assert kept == {tuple(one[place].tolist()) for place in stay}


def test_each_square_has_one_target() -> None:
    merge = matched(tokens(5, 6), 5, 6, 0.2, torch.Generator().manual_seed(0))
    assert merge is not None
    squares = {(place // 6 // 2, place % 6 // 2) for place in merge.targets.tolist()}
    assert len(merge.targets) == len(squares) == 2 * 3


def test_what_was_not_merged_comes_back_as_it_was() -> None:
    x = tokens(4, 4)
    merge = matched(x, 4, 4, 0.25, torch.Generator().manual_seed(0))
    assert merge is not None
    back = merge.undo(merge.apply(x))
    assert back.shape == x.shape
    for number, places in enumerate(merge.kept[..., 0]):
        assert torch.equal(back[number, places], x[number, places])


def test_nothing_is_merged_at_ratio_nought() -> None:
    assert matched(tokens(4, 4), 4, 4, 0.0, torch.Generator()) is None
    unet = models.ready(models.unet())
    latents, states = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 32)
    plain = unet(latents, torch.tensor(500), states).sample
    merged = [
        with_merged_tokens(unet, ratio, (8, 8), torch.Generator().manual_seed(1))(
            latents, torch.tensor(500), states
        ).sample
        for ratio in (0.0, 0.5, 0.5)
    ]
    assert torch.equal(merged[0], plain) and torch.equal(merged[1], merged[2])
    assert not torch.allclose(merged[1], plain, atol=1e-4)
