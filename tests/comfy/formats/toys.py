"""Toy nodes with the sockets of an image generator, and a short way to write documents of the editor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, NewType

from graph_runtime import SILENT, Folders, Library, Progress, Prompt, Range, Seed, Service, Shown, ShownFile, Text, node

Json = dict[str, object]


@dataclass(frozen=True)
class Model:
    """A model."""

    name: str


@dataclass(frozen=True)
class Clip:
    """What reads the prompt."""

    name: str


@dataclass(frozen=True)
class Conditioning:
    """A prompt that was read."""

    text: str


@dataclass(frozen=True)
class Words:
    """A picture in words."""

    text: str


Image = NewType("Image", Words)
EdgeMap = NewType("EdgeMap", Image)


class Loaded(NamedTuple):
    """Two parts of a checkpoint."""

    model: Model
    clip: Clip


class Paint(Service):
    """Counts how often it was opened and closed."""

    opened = closed = 0

    @classmethod
    def open(cls, folders: Folders) -> Paint:
        cls.opened += 1
        return cls()

    def close(self) -> None:
        type(self).closed += 1


@node("Load Checkpoint", category="loaders", static=True)
def load_checkpoint(name: str = "small") -> Loaded:
    return Loaded(Model(name), Clip(name))


@node("Encode Prompt", category="text")
def encode(text: Annotated[str, Text()], clip: Clip) -> Conditioning:
    return Conditioning(text)


@node("Empty Picture")
def empty(width: Annotated[int, Range(8, 4096)] = 512, height: int = 512) -> Image:
    return Image(Words(f"{width}x{height}"))


@node("DrawSteps", id="DrawSteps", resource="gpu")
def sample(
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    image: Image,
    seed: Seed = 0,
    steps: int = 20,
    cfg: float = 8.0,
    sampler_name: Literal["euler", "heun", "fixed"] = "euler",
    denoise: float = 1.0,
    *,
    paint: Paint,
    progress: Progress = SILENT,
) -> Image:
    words = f"{image.text} {model.name} {positive.text}/{negative.text} {seed} {steps} {cfg} {sampler_name}"
    return Image(Words(words))


@node("Trace")
def trace(image: Image, low: int = 100) -> EdgeMap:
    return EdgeMap(Image(Words(f"edges of {image.text}")))


@node("Blend")
def blend(first: Image, second: Image | None = None, factor: float = 0.5) -> Image:
    return Image(Words(f"{first.text}+{second.text if second else ''}*{factor}"))


@node("Batch")
def batch(image: Image, count: int = 3) -> list[Image]:
    return [Image(Words(f"{image.text} #{place}")) for place in range(count)]


@node("Grade")
def grade(image: Image, curve: list[int], options: dict[str, object], levels: int | None = 5) -> Image:
    return Image(Words(f"{image.text} {curve} {options} {levels}"))


@node("Save")
def save(
    image: Image, prefix: str = "out", note: str | None = None, *, folders: Folders, prompt: Prompt
) -> Shown[None]:
    folders.output.mkdir(parents=True, exist_ok=True)
    path = folders.output / f"{prefix}_{len(list(folders.output.iterdir()))}.txt"
    path.write_text(f"{image.text} {note} {len(prompt)}", encoding="utf-8")
    return Shown((ShownFile(path, "output", "text/plain"),))


LIBRARY = Library.of("toys", load_checkpoint, encode, empty, sample, trace, blend, batch, grade, save)


def slot(name: str, type: str = "IMAGE", link: int | None = None, widget: bool = False) -> Json:
    """An input of a node on the canvas."""
    return {"name": name, "type": type, "link": link} | ({"widget": {"name": name}} if widget else {})


def item(id: int, type: str, inputs: list[Json] | None = None, values: object = None, **more: object) -> Json:
    """A node on the canvas with one picture as its output, unless `outputs` says otherwise."""
    outputs = more.pop("outputs", [{"name": "IMAGE", "type": "IMAGE", "links": []}])
    return {
        "id": id, "type": type, "pos": [0, 0], "size": [200, 100], "flags": {}, "order": 0, "mode": 0,
        "inputs": inputs or [], "outputs": outputs, "properties": {}, "widgets_values": values or [], **more,
    }  # fmt: skip


def canvas(*nodes: Json, links: list[object], **more: object) -> Json:
    """A document of version 0.4; each link is `[id, origin, slot, target, slot, type]`."""
    return {"last_node_id": 99, "last_link_id": 99, "nodes": list(nodes), "links": links, "version": 0.4, **more}


def subgraph(
    id: str, *nodes: Json, links: list[tuple[int, int, int, int, int]], inputs: list[Json], outputs: list[Json]
) -> Json:
    """The definition of a sub-graph; -10 feeds it and -20 takes what comes out of it."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    return {
        "id": id, "name": id.title(), "nodes": list(nodes),
        "links": [dict(zip(keys, link, strict=True)) for link in links],
        "inputs": inputs, "outputs": outputs, "inputNode": {"id": -10}, "outputNode": {"id": -20}, "version": 1,
    }  # fmt: skip
