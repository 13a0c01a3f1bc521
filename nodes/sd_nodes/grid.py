"""Puts pictures side by side, each with a label: to compare."""

from __future__ import annotations

from typing import Annotated

from graph_runtime import NodeError, Range, Text, node
from sd_nodes.types import Image


@node("Compare Images", category="image", version=2)
def compare_images(
    image_1: Image,
    image_2: Image | None = None,
    image_3: Image | None = None,
    image_4: Image | None = None,
    image_5: Image | None = None,
    image_6: Image | None = None,
    image_7: Image | None = None,
    image_8: Image | None = None,
    image_9: Image | None = None,
    labels: Annotated[str, Text()] = "",
    title: str = "",
    columns: Annotated[int, Range(0, 64)] = 0,
    height: Annotated[int, Range(32, 4096)] = 256,
) -> Image:
    """Put pictures side by side in one, each with its label below it.

    Args:
        image_1: The first picture; a batch fills several cells.
        image_2: The next picture.
        image_3: The next picture.
        image_4: The next picture.
        image_5: The next picture.
        image_6: The next picture.
        image_7: The next picture.
        image_8: The next picture.
        image_9: The next picture.
        labels: One line for each picture, in their order.
        title: A line above them all.
        columns: How many stand in a row; 0 finds a number that fills the rows well.
        height: The height of each picture in pixels.

    Returns:
        IMAGE: One picture of them all.
    """
    from sd_nodes.contact_sheet import Cell, sheet

    given = (image_1, image_2, image_3, image_4, image_5, image_6, image_7, image_8, image_9)
    pictures = [image for image in given if image is not None]
    lines = labels.splitlines()
    if len(lines) > len(pictures):
        raise NodeError(f"found {len(lines)} labels for {len(pictures)} pictures.", input="labels")
    lines += [""] * (len(pictures) - len(lines))
    cells = [Cell(one, line.strip()) for image, line in zip(pictures, lines, strict=True) for one in image]
    return sheet(cells, title.strip(), columns, height)
