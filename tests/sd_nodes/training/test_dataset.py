import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sd_nodes.training import dataset
from sd_nodes.training.dataset import Package, Picture, emoji_code, fetch, fill_canvas, with_article


def picture(code: str = "1f438", style: str = "render") -> Picture:
    return Picture("a frog", style, code, "animals-nature", "animal-amphibian")


@pytest.mark.parametrize(
    ("label", "subject"),
    [
        ("Frog", "a frog"),
        ("octopus", "an octopus"),
        ("one-piece swimsuit", "a one-piece swimsuit"),
        ("unicorn", "a unicorn"),
        ("umbrella", "an umbrella"),
        ("grapes", "grapes"),
        ("“A” sign", "an a sign"),
    ],
)
def test_names_get_their_article(label: str, subject: str) -> None:
    assert with_article(label) == subject


def test_captions_name_style_subject_and_background() -> None:
    assert picture().caption() == "a 3d render of a frog"
    assert picture(style="flat").caption("orange") == "a flat icon of a frog on an orange background"


def test_codes_are_spelled_alike() -> None:
    assert emoji_code("2764_FE0F") == emoji_code("2764") == "2764"


def test_the_split_is_the_same_everywhere_and_about_a_sixteenth() -> None:
    codes = [f"{number:x}" for number in range(2000)]
    held_out = [code for code in codes if picture(code).held_out]
    assert held_out[:3] == [code for code in codes[: int(held_out[2], 16) + 1] if picture(code).held_out]
    assert 80 < len(held_out) < 170
    assert hashlib.sha256("".join(held_out).encode()).hexdigest()[:8] == "ca375857"


def test_a_drawing_fills_its_canvas_and_keeps_its_shape() -> None:
    drawn = Image.new("RGBA", (40, 40))
    drawn.paste((255, 0, 0, 255), (10, 5, 30, 15))
    stream = io.BytesIO()
    drawn.save(stream, "PNG")
    canvas = fill_canvas(stream.getvalue(), 32)
    rows, columns = np.nonzero(canvas[..., 3] > 127)
    assert (columns.min(), columns.max()) == (0, 31)
    assert (rows.min(), rows.max()) == (8, 23)
    assert (canvas[..., :3] <= canvas[..., 3:]).all()


def package(sum_of: bytes) -> Package:
    return Package("@toys/apples", "1.0.0", base64.b64encode(hashlib.sha512(sum_of).digest()).decode(), "MIT")


def test_an_archive_that_is_there_and_right_is_taken(tmp_path: Path) -> None:
    (tmp_path / "toys-apples-1.0.0.tgz").write_bytes(b"right")
    assert fetch(package(b"right"), tmp_path).read_bytes() == b"right"


def test_a_wrong_archive_is_refused_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "toys-apples-1.0.0.tgz").write_bytes(b"wrong")
    with pytest.raises(ValueError, match="pinned"):
        fetch(package(b"right"), tmp_path)
    assert not list(tmp_path.iterdir())


def names_archive(path: Path) -> bytes:
    rows = [{"label": "frog", "hexcode": "1F438", "group": 3, "subgroup": 1}, {"label": "flag", "hexcode": "1F6A9"}]
    groups = {"groups": {"3": "animals-nature"}, "subgroups": {"1": "animal-amphibian"}}
    with tarfile.open(path, "w:gz") as archive:
        for name, value in (("en/data.json", rows), ("meta/groups.json", groups)):
            data = json.dumps(value).encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path.read_bytes()


def test_subjects_are_those_of_the_wanted_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = names_archive(tmp_path / "toys-apples-1.0.0.tgz")
    monkeypatch.setattr(dataset, "NAMES", package(data))
    assert dataset._subjects(tmp_path) == {"1f438": ("a frog", "animals-nature", "animal-amphibian")}
