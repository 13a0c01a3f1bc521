"""The safety check, with the shipped checker and with a random one of the published shape."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from graph_runtime import Builder, Event, Executor, Folders, Handle, NodeError, WorkflowError, join
from graph_runtime.cache import DiskCache, types_of
from graph_runtime.events import NodeStarted
from graph_runtime.injected import Progress, Tick
from sd_nodes import LIBRARY
from sd_nodes.annotators.open_nsfw import prepared
from sd_nodes.assets import NSFW
from sd_nodes.images import load_image
from sd_nodes.loaders import load_base_model, load_safety_checker
from sd_nodes.safety import join_safety_reports, nsfw_check, safety_check, save_checked_image
from sd_nodes.types import Image
from sd_nodes.weights import WeightStore
from tests.sd_nodes.annotators.fetched import fetched, photograph
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


def test_the_libraries_say_nothing_while_a_picture_is_checked():
    """Pillow prepares the pictures, so that a score is the same with torchvision and without."""
    program = (
        "import torch; from graph_runtime import Folders; from sd_nodes.loaders import load_safety_checker as load\n"
        "from sd_nodes.safety import safety_check; from sd_nodes.weights import WeightStore\n"
        "store = WeightStore(Folders()); red = torch.tensor([0.9, 0.1, 0.1]).expand(1, 48, 48, 3)\n"
        "print(safety_check(red, load('emoji-safety', store.folders), store=store).flagged)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("True\n", "")


def test_only_flagged_pictures_of_a_batch_are_hidden_and_told(store):
    ticks: list[Tick] = []
    checker = load_safety_checker("emoji-safety", store.folders)
    both = Image(torch.cat([BLUE, RED]))
    image, flagged, score, report = safety_check(both, checker, store=store, progress=Progress(ticks.append))
    assert report.flags == (False, True) and score == max(report.scores) > 0 >= min(report.scores)
    assert flagged and torch.equal(image[0], both[0]) and image[1].max() == 0
    assert [tick.text for tick in ticks] == ["1 of 2 pictures are hidden: the safety checker flagged them"]
    assert both[1].max() > 0


def test_a_blurred_picture_keeps_its_colours(store):
    checker = load_safety_checker("emoji-safety", store.folders)
    image = safety_check(RED, checker, "blurred", store=store).image
    assert torch.allclose(image, RED, atol=1e-5)


def test_the_checker_of_a_base_model(small_folders, small_store):
    base = load_base_model("small", small_folders)
    assert safety_check(BLUE, base.safety_checker, store=small_store).image.shape == BLUE.shape


def test_a_missing_checker_is_told(store):
    with pytest.raises(NodeError, match="comes without a safety checker"):
        safety_check(BLUE, None, store=store)


def test_a_flagged_picture_may_be_reported_only_and_a_check_switched_off(store):
    ticks: list[Tick] = []
    checker = load_safety_checker("emoji-safety", store.folders)
    reported = safety_check(RED, checker, "report", store=store, progress=Progress(ticks.append))
    assert reported.flagged and torch.equal(reported.image, RED)
    assert [tick.text for tick in ticks] == ["1 of 1 pictures are flagged by the safety checker, and shown as they are"]
    off = safety_check(RED, None, check="off", store=store)
    assert off.flagged is False and off.score == 0.0 and torch.equal(off.image, RED)


def text_of(path: Path) -> str:
    with Pillow.open(path) as picture:
        return str(picture.info["safety"])


def safety_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(text_of(path)) for path in sorted(folder.iterdir())]


def test_the_files_say_what_the_check_found(store, small_folders):
    checker = load_safety_checker("emoji-safety", store.folders)
    found = safety_check(Image(torch.cat([BLUE, RED])), checker, store=store)
    save_checked_image(found.image, found.report, "a", folders=small_folders)
    first, second = safety_of(small_folders.output)
    assert (first["checked"], first["checker"], first["flagged"], first["shown"]) == (
        True, "emoji-safety", False, "as drawn",
    )  # fmt: skip
    assert (second["flagged"], second["shown"]) == (True, "black")
    assert first["score"] <= 0 < second["score"]
    assert len(str(first["sha256"])) == 64


def test_the_files_say_that_there_was_no_check_and_why(store, small_folders):
    save_checked_image(BLUE, None, "a", folders=small_folders)
    off = safety_check(BLUE, None, check="off", store=store)
    save_checked_image(off.image, off.report, "b", folders=small_folders)
    assert safety_of(small_folders.output) == [
        {"checked": False, "reason": "the workflow has no safety check"},
        {"checked": False, "reason": "it is switched off"},
    ]


def test_a_sheet_says_the_worst_of_its_pictures(store, small_folders):
    checker = load_safety_checker("emoji-safety", store.folders)
    blue, red = (safety_check(one, checker, store=store).report for one in (BLUE, RED))
    off = safety_check(BLUE, None, check="off", store=store).report
    for name, report in (("a", join_safety_reports(blue, red)), ("b", join_safety_reports(blue, red, off, blue))):
        save_checked_image(BLUE, report, name, folders=small_folders)
    worst, unchecked = safety_of(small_folders.output)
    assert (worst["flagged"], worst["score"], worst["pictures"]) == (True, red.scores[0], 2)
    assert unchecked == {"checked": False, "reason": "it is switched off", "pictures": 4}


def test_a_report_of_other_pictures_is_refused(store, small_folders):
    checker = load_safety_checker("emoji-safety", store.folders)
    report = safety_check(BLUE, checker, store=store).report
    with pytest.raises(NodeError, match="it is of 1 pictures, there are 2 to save") as problem:
        save_checked_image(Image(torch.cat([BLUE, RED])), report, folders=small_folders)
    assert problem.value.input == "report"


def test_a_base_model_without_a_checker_is_fine_where_the_check_is_off(small_folders):
    builder = Builder()
    base = builder.add("LoadBaseModel", name="emoji")
    builder.add("EmptyImage", id="picture", width=64, height=64)
    checked = builder.add("SafetyCheck", image=Handle("picture"), checker=base["safety_checker"], check="off")
    builder.add("SaveImage", images=checked["image"])
    join(builder.workflow(), LIBRARY, small_folders)


def with_nsfw_check(check: str, folders: Folders) -> None:
    builder = Builder()
    picture = builder.add("EmptyImage", width=64, height=64)
    checked = builder.add("NsfwCheck", id="check", image=picture, check=check)
    builder.add("SaveCheckedImage", images=checked["image"], report=checked["report"])
    join(builder.workflow(), LIBRARY, folders)


def test_open_nsfw_that_is_not_there_is_told_before_the_run_unless_it_may_be_missing(small_folders):
    with pytest.raises(WorkflowError, match="fetched once, with: controlgraph fetch nsfw"):
        with_nsfw_check("on", small_folders)
    for check in ("if fetched", "off"):
        with_nsfw_check(check, small_folders)
    ticks: list[Tick] = []
    found = nsfw_check(BLUE, check="if fetched", folders=small_folders, progress=Progress(ticks.append))
    assert torch.equal(found.image, BLUE) and found.report.entries(1)[0]["reason"] == "open_nsfw is not fetched"
    assert "controlgraph fetch nsfw" in ticks[0].text


@pytest.mark.parametrize(("name", "most"), [("astronaut.jpg", 0.05), ("chelsea.jpg", 0.01), ("coffee.jpg", 0.05)])
def test_open_nsfw_holds_ordinary_photographs_for_safe(name, most):
    found = nsfw_check(photograph(name), folders=fetched(NSFW))
    assert found.flagged is False and 0.0 <= found.score < most
    assert torch.equal(found.image, photograph(name))


def test_open_nsfw_hides_what_is_over_the_threshold(small_folders):
    folders, both = fetched(NSFW), Image(torch.cat([photograph("astronaut.jpg"), torch.zeros(1, 512, 512, 3)]))
    plain = nsfw_check(both, folders=folders).report.scores
    between = sum(plain) / 2
    found = nsfw_check(both, "black", threshold=between, folders=folders)
    assert found.report.flags == tuple(score > between for score in plain) and sum(found.report.flags) == 1
    flagged = found.report.flags.index(True)
    assert found.image[flagged].max() == 0 and torch.equal(found.image[1 - flagged], both[1 - flagged])
    assert found.score == max(plain)


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 300, 20, 1), (1, 20, 300, 4)])
def test_open_nsfw_takes_pictures_of_any_shape(shape):
    found = nsfw_check(Image(torch.rand(shape)), folders=fetched(NSFW))
    assert len(found.report.scores) == shape[0] and all(0 <= score <= 1 for score in found.report.scores)


def test_what_open_nsfw_sees_is_the_middle_of_the_picture_blue_first():
    """Scaled to a square of 256, of which 224 are seen, less the mean; by JPEG nearly the same colours."""
    orange = np.full((300, 512, 3), (200, 120, 40), np.uint8)
    orange[:, :16] = 255
    seen = prepared(orange)
    assert seen.shape == (224, 224, 3) and seen.dtype == np.float32
    assert np.abs(seen - (np.array([40, 120, 200], np.float32) - (104, 117, 123))).max() < 4


def test_reports_are_kept_between_runs(small_folders):
    """What was found is read back from the disk; the pictures are not looked at again."""
    builder = Builder()
    checker = builder.add("LoadSafetyChecker", name="emoji-safety")
    red = builder.add("EmptyImage", width=48, height=48, batch_size=2, color=0xE01010)
    checked = builder.add("SafetyCheck", id="check", image=red, checker=checker, hide="blurred")
    for number in range(2):
        events: list[Event] = []
        builder.add("SaveCheckedImage", images=checked["image"], report=checked["report"], filename_prefix=f"{number}_")
        cache = DiskCache(small_folders.state / "cache", 1 << 28, types_of(LIBRARY))
        with Executor(small_folders, cache) as executor:
            graph = join(builder.workflow(), LIBRARY, small_folders)
            outcome = asyncio.run(executor.run(graph, events.append))
        assert outcome.state == "succeeded", outcome.failures
        started = {event.node for event in events if isinstance(event, NodeStarted)}
        assert ("check" in started) == (number == 0)
    found = safety_of(small_folders.output)
    assert found and all(entry == found[0] and entry["shown"] == "blurred" for entry in found)
