"""The demonstration model's pictures: emoji in three styles, with captions, from pinned npm packages.

The archives come from `npm pack` and are checked against the SHA-512 sums that the registry publishes.
Every picture is a square of premultiplied RGBA bytes that fills its canvas, so that augmentation is free
to choose place, scale and background.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = 128
HELD_OUT_SHARE = 16
GROUPS = ("smileys-emotion", "animals-nature", "food-drink", "travel-places", "activities", "objects")
DULL_SUBGROUPS = ("time", "heart", "emotion", "sky-weather-clock")


@dataclass(frozen=True)
class Package:
    """One archive of the npm registry, pinned.

    Args:
        name: The package's name.
        version: Its exact version.
        sha512: The archive's SHA-512 sum, base64.
        licence: The SPDX id of the licence of what is in it.
    """

    name: str
    version: str
    sha512: str
    licence: str


@dataclass(frozen=True)
class Style:
    """A way of drawing: the package that holds it and the words that name it in a caption."""

    package: Package
    words: str


@dataclass(frozen=True)
class Picture:
    """What is known about one picture besides its pixels.

    Args:
        subject: The thing with its article, such as "a frog".
        style: A key of `STYLES`.
        code: The emoji's code points, hexadecimal, joined by "-".
        group: The group of the emoji standard it belongs to.
        subgroup: The finer group.
    """

    subject: str
    style: str
    code: str
    group: str
    subgroup: str

    def caption(self, background: str | None = None) -> str:
        """Says what the picture shows, in the words that the model is trained on."""
        words = f"{STYLES[self.style].words} of {self.subject}"
        return words if background is None else f"{words} on {with_article(background)} background"

    @property
    def held_out(self) -> bool:
        """Whether the picture is kept for evaluation; depends on nothing but its style and code."""
        digest = hashlib.sha256(f"{self.style}/{self.code}".encode()).digest()
        return digest[0] % HELD_OUT_SHARE == 0


NAMES = Package(
    "emojibase-data",
    "17.0.0",
    "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
    "MIT",
)
STYLES = {
    "render": Style(
        Package(
            "@lobehub/fluent-emoji-3d",
            "1.1.0",
            "Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
            "MIT",
        ),
        "a 3d render",
    ),
    "flat": Style(
        Package(
            "@iconify-json/fluent-emoji-flat",
            "1.2.6",
            "RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
            "MIT",
        ),
        "a flat icon",
    ),
    "cartoon": Style(
        Package(
            "@iconify-json/noto",
            "1.2.9",
            "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
            "Apache-2.0",
        ),
        "a cartoon drawing",
    ),
}
UNCOUNTED = re.compile(
    r"(two|three|money|scissors|glasses|sunglasses|jeans|gloves|socks|shorts|chopsticks|dango|sushi|oden|rice|bread"
    r"|butter|cheese|salt|tofu|popcorn|fire|ice|fog|snow|lightning|saturn|grapes|cherries|beans|peanuts|\w+s and)\b",
    re.IGNORECASE,
)


def with_article(label: str) -> str:
    """Puts the indefinite article before a name, where it takes one."""
    label = re.sub(r"[“”]", "", label.replace("’", "'")).lower()
    if UNCOUNTED.match(label):
        return label
    return ("an " if re.match(r"(?!one\b|eu|uni|us)[aeiou]", label) else "a ") + label


def fetch(package: Package, folder: Path) -> Path:
    """Downloads a package's archive unless it is there, and checks its sum.

    Raises:
        ValueError: If there is no npm, it fails, or the archive is not the pinned one, which is deleted.
    """
    path = folder / f"{package.name.lstrip('@').replace('/', '-')}-{package.version}.tgz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _download(f"{package.name}@{package.version}", folder)
    found = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != package.sha512:
        path.unlink()
        raise ValueError(f"{path.name}: SHA-512 is {found}, but {package.sha512} is pinned; the file was deleted")
    return path


def _download(wanted: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError(f"{wanted} is downloaded by npm, which is not installed")
    done = subprocess.run([npm, "pack", "--silent", wanted], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"npm pack {wanted} failed:\n{done.stderr.strip()}")


def _json(archive: tarfile.TarFile, member: str) -> Any:
    stream = archive.extractfile(f"package/{member}")
    if stream is None:
        raise ValueError(f"{member} is not in the archive")
    return json.load(stream)


def emoji_code(text: str) -> str:
    """Spells code points alike everywhere: lower case, joined by "-", without variation selectors."""
    return "-".join(part for part in text.lower().replace("_", "-").split("-") if part != "fe0f")


def _subjects(folder: Path) -> dict[str, tuple[str, str, str]]:
    with tarfile.open(fetch(NAMES, folder)) as archive:
        groups = _json(archive, "meta/groups.json")
        rows = [row for row in _json(archive, "en/data.json") if "group" in row]
    found = {}
    for row in rows:
        group, subgroup = groups["groups"][str(row["group"])], groups["subgroups"][str(row["subgroup"])]
        if group in GROUPS and subgroup not in DULL_SUBGROUPS:
            found[emoji_code(row["hexcode"])] = (with_article(row["label"]), group, subgroup)
    return found


def _drawings(style: Style, folder: Path, size: int) -> Iterator[tuple[str, bytes]]:
    """Yields (code, encoded picture) for everything in a style's package."""
    with tarfile.open(fetch(style.package, folder)) as archive:
        if style.package.name.startswith("@iconify-json/"):
            yield from _vector_drawings(_json(archive, "icons.json"), _json(archive, "chars.json"), size)
            return
        for member in archive:
            stream = archive.extractfile(member) if member.name.endswith(".webp") else None
            if stream is not None:
                yield emoji_code(Path(member.name).stem), stream.read()


def _vector_drawings(icons: Any, characters: dict[str, str], size: int) -> Iterator[tuple[str, bytes]]:
    import resvg_py

    for code, name in characters.items():
        icon = icons["icons"].get(icons.get("aliases", {}).get(name, {}).get("parent", name))
        if icon is None:
            continue
        width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box}" width="{2 * size}" height="{2 * size}">{icon["body"]}</svg>'
        )
        yield emoji_code(code), bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True))


def fill_canvas(encoded: bytes, size: int) -> NDArray[np.uint8]:
    """Trims a drawing to what is visible and scales it to touch the canvas.

    Returns:
        Premultiplied RGBA bytes, `[size, size, 4]`.
    """
    picture = Image.open(io.BytesIO(encoded)).convert("RGBA")
    box = picture.getchannel("A").point(lambda alpha: 255 if alpha > 8 else 0).getbbox()
    picture = picture.crop(box).convert("RGBa")
    scale = size / max(picture.size)
    picture = picture.resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS
    )
    canvas = np.zeros((size, size, 4), np.uint8)
    top, left = (size - picture.height) // 2, (size - picture.width) // 2
    canvas[top : top + picture.height, left : left + picture.width] = np.asarray(picture)
    return canvas


def build(folder: Path, archives: Path, size: int = SIZE) -> int:
    """Writes `pictures.npy` and `pictures.json` into a folder.

    Args:
        folder: Where the two files go.
        archives: Where the packages' archives lie, or are put.
        size: The pictures' edge in pixels.

    Returns:
        How many pictures there are.
    """
    subjects = _subjects(archives)
    rows: dict[tuple[str, str], tuple[Picture, NDArray[np.uint8]]] = {}
    for name, style in STYLES.items():
        for code, encoded in _drawings(style, archives, size):
            if code in subjects and (name, code) not in rows:
                subject, group, subgroup = subjects[code]
                rows[name, code] = Picture(subject, name, code, group, subgroup), fill_canvas(encoded, size)
    ordered = [rows[key] for key in sorted(rows)]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pictures.npy", np.stack([pixels for _, pixels in ordered]))
    (folder / "pictures.json").write_text(json.dumps([asdict(picture) for picture, _ in ordered], indent=0))
    return len(ordered)


def load(folder: Path) -> tuple[list[Picture], NDArray[np.uint8]]:
    """Reads what `build` wrote: the pictures' descriptions and their premultiplied RGBA bytes, memory-mapped."""
    rows = json.loads((folder / "pictures.json").read_text())
    return [Picture(**row) for row in rows], np.load(folder / "pictures.npy", mmap_mode="r")
