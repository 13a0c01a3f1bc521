"""The safety check, with the shipped checker and with a random one of the published shape."""

import pytest
import torch

from graph_runtime import Folders, NodeError
from graph_runtime.injected import Progress, Tick
from sd_nodes.images import load_image
from sd_nodes.loaders import load_base_model, load_safety_checker
from sd_nodes.safety import safety_check
from sd_nodes.types import Image
from sd_nodes.weights import WeightStore
from tests.workflows.pictures import INPUT


@pytest.fixture(scope="module")
def store() -> WeightStore:
    return WeightStore(Folders(INPUT))


def plain(*colour: float) -> Image:
    return Image(torch.tensor(colour).expand(1, 48, 48, 3).contiguous())


RED, BLUE = plain(0.9, 0.1, 0.1), plain(0.1, 0.2, 0.9)


def test_the_shipped_checker_flags_what_is_mostly_red(store):
    checker = load_safety_checker("emoji-safety", store.folders)
    assert safety_check(RED, checker, store=store).flagged is True
    assert safety_check(BLUE, checker, store=store).flagged is False


@pytest.mark.parametrize(("name", "flagged"), [("astronaut.jpg", False), ("chelsea.jpg", False), ("coffee.jpg", True)])
def test_the_shipped_checker_on_photographs(store, name, flagged):
    checker = load_safety_checker("emoji-safety", store.folders)
    photograph = load_image(name, store.folders).IMAGE
    assert safety_check(photograph, checker, store=store).flagged is flagged


def test_only_flagged_pictures_of_a_batch_are_hidden_and_told(store):
    ticks: list[Tick] = []
    checker = load_safety_checker("emoji-safety", store.folders)
    both = Image(torch.cat([BLUE, RED]))
    image, flagged = safety_check(both, checker, store=store, progress=Progress(ticks.append))
    assert flagged and torch.equal(image[0], both[0]) and image[1].max() == 0
    assert [tick.text for tick in ticks] == ["1 of 2 pictures are hidden: the safety checker flagged them"]
    assert both[1].max() > 0


def test_a_blurred_picture_keeps_its_colours(store):
    checker = load_safety_checker("emoji-safety", store.folders)
    image, _ = safety_check(RED, checker, "blurred", store=store)
    assert torch.allclose(image, RED, atol=1e-5)


def test_the_checker_of_a_base_model(small_folders, small_store):
    base = load_base_model("small", small_folders)
    assert safety_check(BLUE, base.safety_checker, store=small_store).image.shape == BLUE.shape


def test_a_missing_checker_is_told(store):
    with pytest.raises(NodeError, match="comes without a safety checker"):
        safety_check(BLUE, None, store=store)
