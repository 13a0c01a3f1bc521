"""Workflows in pictures: what Pillow, ComfyUI and we write is read; what is damaged is told."""

import contextlib
import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from graph_runtime import WorkflowError
from graph_runtime.comfy.formats import exif
from graph_runtime.comfy.formats.limits import TEXT_LIMIT, PictureError
from graph_runtime.comfy.formats.metadata import picture_format, read_texts, with_texts
from graph_runtime.comfy.formats.reading import read_any
from tests.comfy.formats.toys import LIBRARY, canvas, item

PROMPT = {"1": {"class_type": "Empty", "inputs": {"width": 64}}}
TEXTS = {"prompt": json.dumps(PROMPT), "workflow": json.dumps(canvas(item(1, "Empty"), links=[]))}
FORMATS = ("PNG", "WEBP", "JPEG")


def picture(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((33, 17)).save(file, format, **options)
    return file.getvalue()


def texts(data: bytes) -> dict[str, str]:
    format = picture_format(data[:12])
    assert format is not None
    return read_texts(io.BytesIO(data), format)


def pixels(data: bytes) -> tuple[tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size, image.convert("RGBA").tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_what_we_write_is_read_and_the_pixels_stay(format: str) -> None:
    plain = picture(format)
    carrying = with_texts(plain, TEXTS)
    assert texts(plain) == {}
    assert texts(carrying) == TEXTS
    assert pixels(carrying) == pixels(plain)


@pytest.mark.parametrize("format", FORMATS)
def test_texts_are_replaced(format: str) -> None:
    once = with_texts(picture(format), TEXTS)
    twice = with_texts(once, {"prompt": "{}"})
    assert texts(twice) == {**TEXTS, "prompt": "{}"}
    assert with_texts(twice, {"prompt": TEXTS["prompt"]}) == once


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"icc_profile": b"x" * 11}, {"quality": 1}])
def test_every_kind_of_webp(options: dict[str, object]) -> None:
    plain = picture("WEBP", **options)
    carrying = with_texts(plain, TEXTS)
    assert texts(carrying) == TEXTS
    assert pixels(carrying) == pixels(plain)


def test_a_transparent_and_a_moving_webp() -> None:
    frames = [Image.new("RGBA", (20, 10), (place, 0, 0, 100)) for place in range(3)]
    for more in ([], frames[1:]):
        file = io.BytesIO()
        frames[0].save(file, "WEBP", lossless=True, save_all=bool(more), append_images=more)
        carrying = with_texts(file.getvalue(), TEXTS)
        assert texts(carrying) == TEXTS
        assert pixels(carrying) == pixels(file.getvalue())


@pytest.mark.parametrize("format", ["WEBP", "JPEG"])
def test_what_pillow_writes_in_the_manner_of_comfyui(format: str) -> None:
    block = Image.Exif()
    block[0x0110] = f"prompt:{TEXTS['prompt']}"
    block[0x010F] = f"workflow:{TEXTS['workflow']}"
    block[0x010E] = "a picture: of apples"
    assert texts(picture(format, exif=block.tobytes())) == TEXTS


def test_pillow_reads_what_we_write() -> None:
    with Image.open(io.BytesIO(with_texts(picture("JPEG"), TEXTS))) as image:
        assert image.getexif()[0x0110] == f"prompt:{TEXTS['prompt']}"
    with Image.open(io.BytesIO(with_texts(picture("PNG"), TEXTS))) as image:
        assert image.text == TEXTS  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["plain", "compressed", "international", "international and compressed"])
def test_every_kind_of_text_in_a_png(how: str) -> None:
    chunks = PngImagePlugin.PngInfo()
    text = '{"1": "apple ✓"}' if how.startswith("international") else '{"1": "apple"}'
    if how.startswith("international"):
        chunks.add_itxt("prompt", text, "en", "Auftrag", zip=how.endswith("compressed"))
    else:
        chunks.add_text("prompt", text, zip=how == "compressed")
    assert texts(picture("PNG", pnginfo=chunks)) == {"prompt": text}


def test_a_comment_that_holds_an_object() -> None:
    body = json.dumps({"prompt": PROMPT, "workflow": "{}"})
    for code, encoding in ((b"ASCII\0\0\0", "ascii"), (b"UNICODE\0", "utf-16-le"), (b"UNICODE\0", "utf-16-be")):
        block = Image.Exif()
        block[0x8769] = {0x9286: code + body.encode(encoding)}
        assert texts(picture("WEBP", exif=block.tobytes())) == {"prompt": json.dumps(PROMPT), "workflow": "{}"}


def test_a_jpeg_has_little_room() -> None:
    with pytest.raises(PictureError, match="a JPEG file takes 65533 bytes of metadata, but it comes to 7"):
        with_texts(picture("JPEG"), {"prompt": "x" * 70_000})


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_text_that_unfolds_beyond_reason_is_told() -> None:
    bomb = b"prompt\0\0" + zlib.compress(b"x" * (TEXT_LIMIT + 1))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"zTXt", bomb) + chunk(b"IEND", b"")
    with pytest.raises(PictureError, match="decompresses to more than 64 MB"):
        texts(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack(">I", TEXT_LIMIT + 1) + b"tEXt", "a text of more than 64 MB"),
        (chunk(b"zTXt", b"prompt\0\0no"), "compressed text that is damaged"),
        (chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"abc" * 99)[:-5]), "compressed text that is cut off"),
        (chunk(b"IHDR", b""), "ends before its last chunk"),
        (b"\0\0\0", "ends in the middle of a chunk"),
        (struct.pack(">I", 99) + b"tEXtabc", "ends too soon"),
    ],
)
def test_a_damaged_png_is_told(data: bytes, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        texts(b"\x89PNG\r\n\x1a\n" + data)


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_that_is_cut_off_anywhere(format: str, tmp_path: Path) -> None:
    whole = with_texts(picture(format), TEXTS)
    path = tmp_path / "cut"
    for end in range(12, len(whole), 7):
        path.write_bytes(whole[:end])
        try:
            assert read_any(path, LIBRARY).nodes.keys() == {"1"}
        except WorkflowError as error:
            assert len(error.problems) == 1


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP", b"\xff\xd8\xff"]), st.binary(max_size=200))
@example(b"\xff\xd8\xff", b"\xe1\0\x10Exif\0\0II*\0\x08\0\0\0")
@example(b"RIFF\x10\0\0\0WEBP", b"EXIF\x08\0\0\0MM\0*\xff\xff\xff\xff")
def test_any_bytes_are_read_or_told(head: bytes, rest: bytes) -> None:
    with contextlib.suppress(PictureError):
        texts(head + rest)
    with contextlib.suppress(PictureError):
        with_texts(head + rest, {"prompt": "{}"})


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_exif_is_read_or_told(data: bytes) -> None:
    for order in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        with contextlib.suppress(PictureError):
            exif.read_texts(order + data)


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "workflow", "more"]), st.text(max_size=50).filter(lambda t: "\0" not in t)
    )
)
def test_any_text_comes_back(found: dict[str, str]) -> None:
    found = {name: text.encode("utf-8", "replace").decode() for name, text in found.items()}
    assert exif.read_texts(exif.written(found)) == found
    assert texts(with_texts(picture("PNG"), found)) == found


def test_directories_that_run_in_a_circle_end() -> None:
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    assert exif.read_texts(b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0") == {}


class TestReadAny:
    @pytest.mark.parametrize("format", FORMATS)
    def test_the_prompt_of_a_picture_counts_and_the_document_stays(self, format: str, tmp_path: Path) -> None:
        path = tmp_path / "picture.of.any.name"
        path.write_bytes(with_texts(picture(format), TEXTS))
        found = read_any(path, LIBRARY)
        assert found.nodes["1"].inputs == {"width": 64}
        assert found.document == json.loads(TEXTS["workflow"])

    def test_a_document_alone_is_enough(self, tmp_path: Path) -> None:
        path = tmp_path / "picture.png"
        path.write_bytes(with_texts(picture("PNG"), {"workflow": TEXTS["workflow"]}))
        assert read_any(path, LIBRARY).nodes["1"].class_type == "Empty"

    def test_a_prompt_of_another_program_gives_way_to_a_document(self, tmp_path: Path) -> None:
        path = tmp_path / "picture.png"
        path.write_bytes(with_texts(picture("PNG"), {"prompt": "a cat", "workflow": TEXTS["workflow"]}))
        assert read_any(path, LIBRARY).nodes.keys() == {"1"}

    @pytest.mark.parametrize(
        ("found", "message"),
        [
            ({}, "is a picture that carries no workflow; needs the texts prompt or workflow in its metadata."),
            ({"parameters": "a cat"}, 'It holds other texts: "parameters".'),
            ({"prompt": "a cat"}, "is no JSON: line 1"),
            ({"workflow": "[1]"}, "carries no workflow"),
            ({"prompt": "{"}, "ends too early"),
        ],
    )
    def test_a_picture_without_a_workflow_is_told(self, found: dict[str, str], message: str, tmp_path: Path) -> None:
        path = tmp_path / "picture.png"
        path.write_bytes(with_texts(picture("PNG"), found))
        with pytest.raises(WorkflowError) as error:
            read_any(path, LIBRARY)
        assert message in str(error.value)

    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(WorkflowError, match="is not there"):
            read_any(tmp_path / "nothing.json", LIBRARY)
        with pytest.raises(WorkflowError, match="is a directory, needs a workflow file"):
            read_any(tmp_path, LIBRARY)

    @pytest.mark.parametrize("wrap", ["prompt", "extra", "workflow", "bare"])
    def test_what_clients_send(self, wrap: str, tmp_path: Path) -> None:
        document = canvas(item(1, "Empty"), links=[])
        data = {
            "prompt": {"prompt": PROMPT},
            "extra": {"prompt": PROMPT, "extra_data": {"extra_pnginfo": {"workflow": document}}},
            "workflow": {"workflow": document},
            "bare": PROMPT,
        }[wrap]
        path = tmp_path / "sent.json"
        path.write_text(json.dumps(data))
        found = read_any(path, LIBRARY)
        assert found.nodes.keys() == {"1"}
        assert found.document == (document if wrap in ("extra", "workflow") else {})
