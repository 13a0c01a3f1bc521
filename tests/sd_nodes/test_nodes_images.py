"""Loading pictures of every kind, scaling, saving and previewing them."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from graph_runtime import EditorDocument, Folders, NodeError, Prompt
from sd_nodes.images import content, image_scale, load_image, preview_image, save_image
from sd_nodes.picture_files import filled, inside, picture_names
from sd_nodes.types import Image


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "input", tmp_path / "output", (), tmp_path / "temp")
    found.input.mkdir()
    return found


def saved(folders: Folders, name: str, pixels: np.ndarray, mode: str | None = None, **options: object) -> None:
    path = folders.input / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Pillow.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)


def grey(value: int, height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_a_picture_is_floats_in_colour(folders):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    saved(folders, "a.png", pixels)
    image, mask = load_image("a.png", folders)
    assert image.shape == (1, 5, 7, 3) and image.dtype == torch.float32
    assert torch.equal(image[0], torch.from_numpy(pixels).float() / 255)
    assert mask.shape == (1, 64, 64) and not mask.any()


def test_alpha_becomes_a_mask_and_not_black(folders):
    pixels = np.dstack([grey(200), np.full((4, 6), 64, np.uint8)])
    saved(folders, "a.png", pixels)
    image, mask = load_image("a.png", folders)
    assert torch.allclose(image, torch.tensor(200 / 255))
    assert mask.shape == (1, 4, 6) and torch.allclose(mask, torch.tensor(1 - 64 / 255))


def test_a_transparent_palette_becomes_a_mask(folders):
    picture = Pillow.new("P", (4, 4), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 2), 1)
    picture.save(folders.input / "a.png", transparency=1)
    image, mask = load_image("a.png", folders)
    assert image[0, 0, 0].tolist() == [1, 0, 0]
    assert mask[0, 2, 1] == 1 and mask.sum() == 1


def test_sixteen_bits_are_not_cut_to_eight(folders):
    saved(folders, "deep.png", np.array([[0, 257, 32768, 65535]], np.uint16))
    image, _ = load_image("deep.png", folders)
    assert torch.allclose(image[0, 0, :, 0], torch.tensor([0, 257, 32768, 65535]) / 65535)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK", "YCbCr"])
def test_every_mode_becomes_colour(folders, mode):
    name = "a.tif" if mode in ("CMYK", "YCbCr") else "a.png"
    saved(folders, name, grey(255), mode)
    image, _ = load_image(name, folders)
    assert image.shape == (1, 4, 6, 3) and image.min() > 0.98


def test_a_turned_photograph_stands_upright(folders):
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0, 0] = 255
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    saved(folders, "a.png", pixels, exif=exif)
    image, _ = load_image("a.png", folders)
    assert image.shape == (1, 6, 4, 3)
    assert image[0, 0, 3].tolist() == [1, 1, 1]


def test_an_animation_is_a_batch(folders):
    frames = [Pillow.fromarray(grey(value)) for value in (0, 255, 0)]
    frames[0].save(folders.input / "a.gif", save_all=True, append_images=frames[1:])
    image, _ = load_image("a.gif", folders)
    assert image[:, 0, 0, 0].tolist() == [0, 1, 0]


def test_names_lie_below_the_input_folder(folders):
    saved(folders, "b.png", grey(1))
    saved(folders, "more/a.jpg", grey(1))
    (folders.input / "notes.txt").write_text("none")
    assert picture_names(folders) == ["b.png", "more/a.jpg"]
    assert load_image("more\\a.jpg", folders).IMAGE.shape == (1, 4, 6, 3)


def test_samples_stand_behind_the_input_folder(folders, tmp_path):
    for name, shade in (("cat.png", 10), ("dog.png", 20)):
        (tmp_path / "samples").mkdir(exist_ok=True)
        Pillow.fromarray(grey(shade)).save(tmp_path / "samples" / name)
    saved(folders, "dog.png", grey(255))
    both = replace(folders, samples=(tmp_path / "samples",))
    assert picture_names(both) == ["cat.png", "dog.png"]
    assert load_image("cat.png", both).IMAGE.max() == 10 / 255
    assert load_image("dog.png", both).IMAGE.min() == 1
    with pytest.raises(NodeError, match=r'"cat\.png'):
        load_image("cat.png [output]", both)


def test_results_can_be_named_too(folders):
    save_image(Image(torch.ones(1, 4, 4, 3)), "a", folders=folders)
    assert load_image("a_00001_.png [output]", folders).IMAGE.min() == 1


def test_a_missing_picture_is_told_with_the_nearest(folders):
    saved(folders, "coffee.png", grey(1))
    with pytest.raises(NodeError, match=r'there is no picture "cofee.png"') as caught:
        content("cofee.png", folders)
    assert caught.value.nearest == "coffee.png"


def test_without_an_input_folder_the_option_is_told(tmp_path):
    with pytest.raises(NodeError, match="Give --input the folder"):
        content("a.png", Folders(input=tmp_path / "none"))


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/secret.png", "a/../../secret.png", "C:\\secret.png", "..\\a.png"]
)
def test_a_name_does_not_lead_out_of_the_folder(folders, name):
    Pillow.fromarray(grey(1)).save(folders.input.parent / "secret.png")
    with pytest.raises(NodeError, match="leads out of"):
        load_image(name, folders)


@given(st.text(max_size=40))
def test_no_path_leads_out(name):
    try:
        path = inside(name, "the folder", "image")
    except NodeError:
        return
    assert not path.is_absolute() and ".." not in path.parts


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='x'/>", bytes(64)])
def test_what_is_no_picture_is_refused_before_anything_runs(folders, data):
    (folders.input / "a.png").write_bytes(data)
    with pytest.raises(NodeError, match=r"no picture of a known format|cannot be read"):
        content("a.png", folders)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tif", "bmp"])
def test_a_picture_that_is_cut_short_is_refused(folders, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    saved(folders, f"a.{suffix}", noise)
    path = folders.input / f"a.{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(NodeError, match=r"damaged or cut short|cannot be read|no picture"):
        load_image(f"a.{suffix}", folders)


def test_damaged_bytes_never_escape_as_another_error(folders):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    chance = random.Random(0)
    for suffix in ("png", "jpg", "gif", "webp"):
        saved(folders, f"a.{suffix}", noise)
        whole = (folders.input / f"a.{suffix}").read_bytes()
        for _ in range(60):
            damaged = bytearray(whole)
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            (folders.input / f"b.{suffix}").write_bytes(damaged)
            try:
                assert load_image(f"b.{suffix}", folders).IMAGE.shape[-1] == 3
            except NodeError:
                continue


def test_too_many_pixels_are_refused_by_the_header(folders):
    Pillow.new("1", (10_000, 8_100)).save(folders.input / "a.png")
    with pytest.raises(NodeError, match="81,000,000 pixels"):
        content("a.png", folders)


def test_the_fingerprint_follows_the_content(folders):
    saved(folders, "a.png", grey(1))
    first = content("a.png", folders)
    saved(folders, "b.png", grey(1))
    saved(folders, "a.png", grey(2))
    assert content("b.png", folders) == first != content("a.png", folders)


def test_saving_cuts_off_and_counts(folders):
    images = Image(torch.tensor([0.0, 0.5, 0.999, 1.0, 2.0, -1.0]).reshape(1, 1, 6, 1).expand(2, 1, 6, 3))
    shown = save_image(images, "a", folders=folders)
    again = save_image(images, "a", folders=folders)
    names = [file.path.name for file in (*shown.files, *again.files)]
    assert names == ["a_00001_.png", "a_00002_.png", "a_00003_.png", "a_00004_.png"]
    assert np.asarray(Pillow.open(shown.files[0].path))[0, :, 0].tolist() == [0, 127, 254, 255, 255, 0]
    assert sorted(path.name for path in folders.output.iterdir()) == names


def test_a_saved_picture_carries_its_workflow(folders):
    prompt, document = {"1": {"class_type": "SaveImage", "inputs": {}}}, {"nodes": [], "title": "Größe"}
    black = Image(torch.zeros(1, 2, 2, 3))
    shown = save_image(black, "a", folders=folders, prompt=Prompt(prompt), document=EditorDocument(document))
    with Pillow.open(shown.files[0].path) as picture:
        assert json.loads(picture.text["prompt"]) == prompt
        assert json.loads(picture.text["workflow"]) == document


def test_a_prefix_may_have_folders(folders):
    shown = save_image(Image(torch.zeros(1, 2, 2, 3)), "cats\\small/%width%x%height%", folders=folders)
    assert shown.files[0].path == folders.output / "cats/small/2x2_00001_.png"


def test_times_are_filled_in():
    now = datetime(2024, 3, 5, 7, 8, 9)
    assert filled("%year%-%month%-%day% %hour%.%minute%.%second% %x%", 1, 1, now) == "2024-03-05 07.08.09 %x%"


@pytest.mark.parametrize("prefix", ["../a", "/a", "a/../../b", "..\\a"])
def test_a_prefix_does_not_lead_out(folders, prefix):
    with pytest.raises(NodeError, match="leads out of the output folder"):
        save_image(Image(torch.zeros(1, 2, 2, 3)), prefix, folders=folders)
    assert not folders.output.exists()


def test_a_prefix_does_not_lead_out_by_a_link(folders, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folders.output.mkdir()
    (folders.output / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NodeError, match="by a link"):
        save_image(Image(torch.zeros(1, 2, 2, 3)), "link/a", folders=folders)


def test_a_folder_that_cannot_be_made_is_told(folders):
    folders.output.write_text("a file")
    with pytest.raises(NodeError, match="cannot be written"):
        save_image(Image(torch.zeros(1, 2, 2, 3)), "a", folders=folders)


def test_many_savers_at_once_do_not_meet(folders):
    def save(value: int) -> list[Path]:
        return [
            file.path for file in save_image(Image(torch.full((2, 2, 2, 3), value / 255)), "a", folders=folders).files
        ]

    with ThreadPoolExecutor(8) as pool:
        paths = [path for found in pool.map(save, range(16)) for path in found]
    assert len(set(paths)) == 32
    assert sorted(np.asarray(Pillow.open(path)).max() for path in paths) == sorted([*range(16)] * 2)


def test_previews_go_to_the_temporary_folder(folders):
    shown = preview_image(Image(torch.zeros(1, 2, 2, 3)), folders=folders)
    assert shown.files[0].path == folders.temp / "preview_00001_.png" and shown.files[0].folder == "temp"


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_scaling_gives_the_size_in_every_way(method):
    image = image_scale(Image(torch.rand(2, 8, 12, 3)), method, 5, 7)
    assert image.shape == (2, 7, 5, 3) and image.is_contiguous()


def test_a_side_of_zero_keeps_the_proportion():
    image = Image(torch.rand(1, 10, 20, 3))
    assert image_scale(image, "area", 10, 0).shape == (1, 5, 10, 3)
    assert image_scale(image, "area", 0, 20).shape == (1, 20, 40, 3)
    assert image_scale(image, "area", 0, 0) is image


def test_scaling_can_cut_from_the_middle():
    image = Image(torch.zeros(1, 4, 12, 3))
    image[:, :, 4:8] = 1
    assert image_scale(image, "area", 2, 2, "center").min() == 1
    assert image_scale(image, "area", 2, 2, "disabled").min() < 1
