"""Pictures that are not as nodes like them: loaded as a person expects, or refused with a sentence; traced by all."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from graph_runtime import Folders, NodeError
from sd_nodes.annotators.detection import LONGEST, seen_size
from sd_nodes.assets import DEPTH, HED, MLSD, POSE
from sd_nodes.control_maps import inpaint_map, load_control_map, shuffle_map, tile_map
from sd_nodes.control_sizes import fit_to_size, scale_to_resolution
from sd_nodes.depth import depth_map
from sd_nodes.edges import canny_edges
from sd_nodes.filters import canny
from sd_nodes.images import content, image_scale, load_image
from sd_nodes.line_art import line_art
from sd_nodes.lines import straight_lines
from sd_nodes.maps import DepthMap, SoftEdgeMap
from sd_nodes.masks import load_image_mask
from sd_nodes.normals import surface_normals
from sd_nodes.pose import pose
from sd_nodes.scribbles import scribble_from_drawing, scribble_from_soft_edges
from sd_nodes.segmentation import colour_regions
from sd_nodes.soft_edges import soft_edges
from sd_nodes.types import Image, Mask
from tests.sd_nodes.annotators.fetched import fetched

Annotator = Callable[[Image], Image]

FREE: dict[str, Annotator] = {
    "CannyEdges": lambda image: canny_edges(image),
    "Canny": lambda image: canny(image),
    "LineArt": lambda image: line_art(image, 64),
    "ColourRegions": lambda image: colour_regions(image, resolution=64),
    "ScribbleFromDrawing": lambda image: scribble_from_drawing(image),
    "ScribbleFromSoftEdges": lambda image: scribble_from_soft_edges(SoftEdgeMap(image)),
    "SurfaceNormals": lambda image: surface_normals(DepthMap(image)),
    "TileMap": lambda image: tile_map(image, blur=1.0),
    "ShuffleMap": lambda image: shuffle_map(image),
    "InpaintMap": lambda image: inpaint_map(image, Mask(torch.ones(1, 8, 8))),
    "FitToSize": lambda image: fit_to_size(image, image.shape[2] * 8, image.shape[1] * 8, "resize and fill")[
        :, ::8, ::8
    ],
}
"""Annotators that need no weights."""

DETECTORS = {
    "DepthMap": (DEPTH, lambda image, folders: depth_map(image, folders=folders)),
    "SoftEdges": (HED, lambda image, folders: soft_edges(image, 32, folders=folders)),
    "StraightLines": (MLSD, lambda image, folders: straight_lines(image, folders=folders)),
    "Pose": (POSE, lambda image, folders: pose(image, folders=folders)),
}
"""Annotators whose weights are fetched."""


def drawing(height: int = 24, width: int = 32) -> Pillow.Image:
    """A dark square on a light ground."""
    pixels = np.full((height, width, 3), 230, np.uint8)
    pixels[height // 4 : -height // 4 or None, width // 4 : -width // 4 or None] = 40
    return Pillow.fromarray(pixels)


def turned(path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    drawing().save(path, exif=exif)


def deep(path: Path) -> None:
    grey = np.asarray(drawing().convert("L")).astype(np.uint16) * 257
    Pillow.fromarray(grey).save(path)


def animated(path: Path) -> None:
    darker = [drawing().point(lambda value, by=by: value * by // 8) for by in (7, 6)]
    drawing().save(path, save_all=True, append_images=darker)


def floating(path: Path) -> None:
    Pillow.fromarray(np.asarray(drawing().convert("L"), np.float32) / 255).save(path)


def seen_through(path: Path) -> None:
    """Colours of a palette, each more or less transparent."""
    few = drawing().convert("P", palette=Pillow.Palette.ADAPTIVE)
    few.save(path, transparency=bytes(range(128, 256)))


def with_odd_notes(path: Path) -> None:
    drawing().save(path, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff no notes at all")


KINDS: dict[str, tuple[str, Callable[[Path], None], tuple[int, int, int]]] = {
    "alpha": ("png", lambda path: drawing().convert("RGBA").save(path), (1, 24, 32)),
    "grey": ("png", lambda path: drawing().convert("L").save(path), (1, 24, 32)),
    "16-bit": ("png", deep, (1, 24, 32)),
    "CMYK": ("jpg", lambda path: drawing().convert("CMYK").save(path), (1, 24, 32)),
    "turned by EXIF": ("jpg", turned, (1, 32, 24)),
    "animated": ("gif", animated, (3, 24, 32)),
    "floating point": ("tif", floating, (1, 24, 32)),
    "a palette with transparency": ("png", seen_through, (1, 24, 32)),
    "damaged EXIF": ("jpg", with_odd_notes, (1, 24, 32)),
    "AVIF": ("avif", lambda path: drawing().save(path), (1, 24, 32)),
    "the suffix of another format": ("jpg", lambda path: drawing().save(path, format="WEBP"), (1, 24, 32)),
    "1 x 1": ("png", lambda path: drawing(1, 1).save(path), (1, 1, 1)),
    "a sliver": ("png", lambda path: drawing(1, 300).save(path), (1, 1, 300)),
}
"""How each is saved, and the batch, height and width that it has for a person."""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path, tmp_path / "out", (tmp_path / "models",), tmp_path / "temp")


def loaded(kind: str, folders: Folders) -> Image:
    suffix, save, _ = KINDS[kind]
    save(folders.input / f"a.{suffix}")
    return load_image(f"a.{suffix}", folders).IMAGE


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_loaded_upright_and_in_colour(kind, folders):
    image = loaded(kind, folders)
    assert image.shape == (*KINDS[kind][2], 3) and image.dtype == torch.float32
    assert image.min() >= 0 and image.max() <= 1
    if min(image.shape[1:3]) > 1:
        assert image[0, 2, 2].mean() > 0.8 and image[0, 12, 12].mean() < 0.25


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FREE)
def test_each_is_traced_without_weights(name, kind, folders):
    image = loaded(kind, folders)
    found = FREE[name](image)
    assert found.shape == (*KINDS[kind][2], 3) and found.isfinite().all()


@pytest.mark.parametrize("name", sorted(FREE.keys() - {"FitToSize"}))
def test_an_alpha_channel_is_no_part_of_a_map(name):
    colours = torch.from_numpy(np.asarray(drawing(), np.float32) / 255)[None]
    found = FREE[name](Image(torch.cat([colours, torch.rand(1, 24, 32, 1)], dim=-1)))
    torch.testing.assert_close(found[..., :3], FREE[name](Image(colours)))


@pytest.mark.parametrize("kind", ["16-bit", "floating point", "animated", "1 x 1", "a sliver"])
@pytest.mark.parametrize("name", DETECTORS)
def test_each_is_traced_by_the_detectors(name, kind, folders):
    if name == "Pose":
        pytest.importorskip("ai_edge_litert", reason="pip install 'controlgraph[pose]'")
    asset, detect = DETECTORS[name]
    models = fetched(asset)
    found = detect(loaded(kind, folders), models)
    assert found.shape == (*KINDS[kind][2], 3) and found.isfinite().all()


def beginning_of(width: int, height: int) -> bytes:
    """The beginning of a PNG of any size, as far as its first pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(64)))]
    packed = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("read", [content, load_image, load_control_map, load_image_mask])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (beginning_of(20_000, 20_000), "over 178,956,970 pixels; at most 80,000,000 are read"),
        (beginning_of(10_000, 10_000), "100,000,000 pixels; at most 80,000,000 are read"),
        (b"not a picture", "no picture of a known format; PNG, JPEG"),
        (b"", "no picture of a known format: it is empty"),
        (b"\n<!DOCTYPE html><title>404", "it begins as a web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is an HEIC photograph"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "it is a Radiance HDR file"),
    ],
    ids=["huge", "large", "text", "empty", "a web page", "HEIC", "HDR"],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(read, data, words, folders):
    (folders.input / "a.png").write_bytes(data)
    with pytest.raises(NodeError, match=words):
        read("a.png", folders=folders)


@pytest.mark.parametrize("read", [load_image, load_control_map, load_image_mask])
def test_what_is_cut_short_is_refused_with_a_sentence(read, folders):
    path = folders.input / "a.jpg"
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(NodeError, match="damaged or cut short"):
        read("a.jpg", folders=folders)


@pytest.mark.parametrize("read", [load_image, load_control_map, load_image_mask])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[0.0, 12.0]], "holds values from 0 to 12, and nothing says which is white: save it with values from 0 to 1."),
        ([[-0.5, 1.0]], "holds values from -0.5 to 1,"),
        ([[float("nan"), 1.0]], "holds values that are no numbers,"),
        ([[0, 1 << 20]], "save it with values from 0 to 65535"),
    ],
)
def test_values_that_do_not_say_what_is_white_are_refused(read, values, words, folders):
    pixels = np.array(values)
    Pillow.fromarray(pixels.astype(np.float32 if pixels.dtype == float else np.int32)).save(folders.input / "a.tif")
    with pytest.raises(NodeError) as problem:
        read("a.tif", **({"channel": "red"} if read is load_image_mask else {}), folders=folders)
    assert words in str(problem.value)


@pytest.mark.parametrize(
    ("size", "resolution", "expected"),
    [
        ((300, 600), 512, (512, 1024)),
        ((300, 600), 0, (300, 600)),
        ((1, 3000), 512, (1, 3000)),
        ((8, 2048), 512, (16, 4096)),
    ],
)
def test_slivers_are_not_enlarged_to_huge_pictures(size, resolution, expected):
    assert seen_size(*size, resolution) == expected and max(expected) <= LONGEST


def test_a_picture_that_would_become_huge_is_refused():
    sliver = Image(torch.zeros(1, 1, 3000, 3))
    with pytest.raises(NodeError, match="would become 1536000 x 512; at most"):
        scale_to_resolution(sliver, 512, 8)
    with pytest.raises(NodeError, match="would become 49152000 x 16384"):
        image_scale(sliver, "area", 0, 16384)
