"""Pictures: loading, scaling, saving, previewing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from graph_runtime import SILENT, Choices, EditorDocument, Folders, Progress, Prompt, Range, Shown, ShownFile, node
from sd_nodes.digests import digest_file
from sd_nodes.picture_files import chunks_of, filled, find_picture, picture_names, save_numbered
from sd_nodes.types import Image, Mask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NO_PROMPT = Prompt({})
NO_DOCUMENT = EditorDocument({})
PictureName = Annotated[str, Choices(picture_names, open=True, upload="image")]
ScaledSide = Annotated[int, Range(0, 16384, 1)]
Method = Literal["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]


class Loaded(NamedTuple):
    """A picture from a file.

    Args:
        IMAGE: The picture; an animation is a batch of its frames.
        MASK: 1 where the picture is transparent.
    """

    IMAGE: Image
    MASK: Mask


def content(image: str, folders: Folders) -> str:
    """Return the digest of a picture's file.

    Raises:
        NodeError: It is not there, or is no picture.
    """
    from sd_nodes.picture_headers import check

    path = find_picture(image, folders)
    check(path)
    return digest_file(path, folders.state)


@node("Load Image", category="image", id="LoadImage", resource="io", fingerprint=content, version=2)
def load_image(image: PictureName, folders: Folders) -> Loaded:
    """Load a picture from the input folder, upright and in colour.

    Args:
        image: Its name in the input folder; ` [output]` after it looks among the results.
    """
    from sd_nodes.decoding import decode

    return Loaded(*decode(find_picture(image, folders)))


@node("Scale Image", category="image", id="ImageScale")
def image_scale(
    image: Image,
    upscale_method: Method = "nearest-exact",
    width: ScaledSide = 512,
    height: ScaledSide = 512,
    crop: Literal["disabled", "center"] = "disabled",
) -> Image:
    """Scale pictures to a size.

    Args:
        image: The pictures.
        upscale_method: `lanczos` and `area` make a picture smaller without aliasing.
        width: The new width in pixels; 0 keeps the proportion to the height.
        height: The new height in pixels; 0 keeps the proportion to the width.
        crop: `center` keeps the proportions and cuts off what is over.

    Returns:
        IMAGE: The scaled pictures.
    """
    from sd_nodes.resizing import resize

    old_height, old_width = image.shape[1:3]
    if not width and not height:
        return image
    width = width or max(1, round(old_width * height / old_height))
    height = height or max(1, round(old_height * width / old_width))
    return resize(image, width, height, upscale_method, crop == "center")


@node("Save Image", category="image", id="SaveImage", resource="io")
def save_image(
    images: Image,
    filename_prefix: str = "ComfyUI",
    *,
    folders: Folders,
    prompt: Prompt = NO_PROMPT,
    document: EditorDocument = NO_DOCUMENT,
    progress: Progress = SILENT,
) -> Shown[None]:
    """Save pictures as PNG files in the output folder; each file carries the workflow that made it.

    Args:
        images: The pictures.
        filename_prefix: What the names begin with; a number follows. It may have folders in it, and `%year%`,
            `%month%`, `%day%`, `%hour%`, `%minute%`, `%second%`, `%width%` and `%height%`.
    """
    texts = [chunks_of(prompt, document)] * len(images)
    paths = saved(images, folders.output, filename_prefix, texts, 4, progress)
    return Shown(tuple(ShownFile(path, "output") for path in paths))


@node("Preview Image", category="image", id="PreviewImage", resource="io")
def preview_image(images: Image, *, folders: Folders, progress: Progress = SILENT) -> Shown[None]:
    """Show pictures without keeping them: they go to the folder for temporary files.

    Args:
        images: The pictures.
    """
    paths = saved(images, folders.temp, "preview", [{}] * len(images), 1, progress)
    return Shown(tuple(ShownFile(path, "temp") for path in paths))


def saved(
    images: Image, root: Path, prefix: str, texts: Sequence[Mapping[str, str]], level: int, progress: Progress
) -> list[Path]:
    """Save pictures as PNG files under the next free numbers.

    Args:
        images: The pictures.
        root: The folder that the prefix lies in.
        prefix: What the names begin with; see `filled`.
        texts: What goes into the file of each, by keyword.
        level: How hard they are compressed, 0 to 9.
        progress: Is told about each.

    Returns:
        Where they lie.
    """
    from sd_nodes.decoding import png_writer

    height, width = images.shape[1:3]
    pairs = zip(images.cpu(), texts, strict=True)
    writers = [png_writer(picture.numpy(), own, level) for picture, own in pairs]
    return save_numbered(list(progress.track(writers)), root, filled(prefix, width, height, datetime.now()))
