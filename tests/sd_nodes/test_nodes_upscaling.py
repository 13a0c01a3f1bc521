"""Networks that enlarge pictures, against what spandrel 0.4.2 makes of the same weights."""

import pytest
import torch
from safetensors.torch import save_file

from graph_runtime import Folders, NodeError
from sd_nodes.types import Image
from sd_nodes.upscaling import image_upscale_with_model, upscale_model_loader
from sd_nodes.weights import WeightStore
from tests.sd_nodes import saved_upscalers as saved
from tests.sd_nodes.saved_upscalers import Tensors

ESRGAN = [-0.03003, 0.099182, 0.091881, -0.175002, 0.00764, -0.160557]
REFERENCE: dict[str, tuple[Tensors, int, list[float]]] = {
    "new": (saved.esrgan(), 4, ESRGAN),
    "older": (saved.older(saved.esrgan()), 4, ESRGAN),
    "oldest": (saved.oldest(saved.esrgan()), 4, ESRGAN),
    "folded": (saved.esrgan(fold=2), 2, [-0.029985, 0.101906, 0.080548, -0.163234, -0.004387, -0.140287]),
    "double": (
        saved.oldest(saved.esrgan(1), doublings=1),
        2,
        [-0.028937, 0.103311, 0.103652, -0.187059, 0.019805, -0.163628],
    ),
    "compact": (saved.compact(), 4, [0.505786, 0.371938, 0.495522, 0.949002, 0.885295, 0.652501]),
    "span": (saved.span(), 4, [-0.000887, 3.163689, 1.718575, -2.55658, 0.177551, -4.559157]),
    "bare": (saved.span(normed=False), 4, [3e-06, 0.109465, -0.122672, 0.017481, 0.094825, -0.177283]),
}
"""Weights, the factor, and of the enlarged picture the mean, the deviation and four values."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("upscalers")
    (root / "upscale_models").mkdir()
    for name, (tensors, _, _) in REFERENCE.items():
        save_file(tensors, root / f"upscale_models/{name}.safetensors")
    nested = {f"params_ema.{name}": tensor for name, tensor in saved.esrgan().items()}
    save_file(nested, root / "upscale_models/nested.safetensors")
    save_file({"weight": torch.zeros(1)}, root / "upscale_models/none.safetensors")
    return Folders(models=(root,))


@pytest.fixture(scope="module")
def store(folders: Folders) -> WeightStore:
    return WeightStore(folders)


@pytest.mark.parametrize("name", REFERENCE)
def test_each_layout_enlarges_as_its_reference(name: str, folders: Folders, store: WeightStore) -> None:
    _, scale, expected = REFERENCE[name]
    pixels = (torch.arange(3 * 7 * 9).reshape(1, 3, 7, 9) * 0.61).sin() * 0.5 + 0.5
    with store.module(upscale_model_loader(name, folders)) as network:
        found = network(pixels)
        assert network.scale == scale
    assert found.shape == (1, 3, 7 * scale, 9 * scale)
    values = [found.mean(), found.std(), *found[0, :, 0, 0], found[0, 1, 5, 6]]
    torch.testing.assert_close(torch.stack(values), torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_names_may_stand_below_what_the_trainer_puts_before_them(folders: Folders, store: WeightStore) -> None:
    picture = Image(torch.rand(1, 6, 6, 3))
    plain, nested = (
        image_upscale_with_model(upscale_model_loader(name, folders), picture, store=store)
        for name in ("new", "nested")
    )
    assert torch.equal(plain, nested)


def test_pictures_are_cut_into_tiles_without_a_seam(
    folders: Folders, store: WeightStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compact network looks five pixels around: further inside a tile its place does not matter."""
    picture, model = Image(torch.rand(2, 40, 56, 3)), upscale_model_loader("compact", folders)
    whole = image_upscale_with_model(model, picture, store=store)
    monkeypatch.setattr("sd_nodes.upscaling.TILE", 32)
    monkeypatch.setattr("sd_nodes.upscaling.OVERLAP", 8)
    tiled = image_upscale_with_model(model, picture, store=store)
    assert whole.shape == tiled.shape == (2, 160, 224, 3)
    assert float(whole.min()) >= 0.0 and float(whole.max()) <= 1.0
    torch.testing.assert_close(tiled[:, :90, :90], whole[:, :90, :90], rtol=0, atol=1e-5)
    assert (tiled - whole).abs().mean() < 0.01


def test_a_picture_with_alpha_is_enlarged_without_it(folders: Folders, store: WeightStore) -> None:
    picture = Image(torch.rand(1, 4, 4, 4))
    assert image_upscale_with_model(upscale_model_loader("double", folders), picture, store=store).shape[-1] == 3


def test_what_enlarges_nothing_is_told(folders: Folders) -> None:
    with pytest.raises(NodeError, match=r"none\.safetensors holds no"):
        upscale_model_loader("none", folders)
    with pytest.raises(NodeError, match="There is no upscale model “spun”") as told:
        upscale_model_loader("spun", folders)
    assert "span" in str(told.value)
