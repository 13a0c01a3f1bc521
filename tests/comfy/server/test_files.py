"""Files that are shown and taken in: inside their folders, harmless in a browser, within limits."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from yarl import URL

from tests.comfy.server.live import Client, talk


def png(colour: tuple[int, ...] = (255, 0, 0), size: tuple[int, int] = (4, 3), **texts: str) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    stream = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


async def upload(client: Client, name: str, data: bytes, path: str = "/upload/image", **fields: str) -> tuple[int, Any]:
    form = aiohttp.FormData()
    form.add_field("image", data, filename=name, content_type="image/png")
    for key, value in fields.items():
        form.add_field(key, value)
    async with client.session.post(client.running.url + path, data=form) as response:
        return response.status, await response.json()


async def view(client: Client, **query: str) -> tuple[int, bytes, dict[str, str]]:
    async with client.session.get(f"{client.running.url}/view", params=query) as response:
        return response.status, await response.read(), dict(response.headers)


def test_upload_is_kept_reused_and_numbered(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        red, blue = png(), png((0, 0, 255))
        assert await upload(client, "a.png", red) == (200, {"name": "a.png", "subfolder": "", "type": "input"})
        assert (await upload(client, "a.png", red))[1]["name"] == "a.png"
        assert (await upload(client, "a.png", blue))[1]["name"] == "a (1).png"
        assert (await upload(client, "a.png", blue))[1]["name"] == "a (1).png"
        assert (await upload(client, "a.png", blue, overwrite="true"))[1]["name"] == "a.png"
        assert (tmp_path / "input" / "a.png").read_bytes() == blue
        deep = await upload(client, "b.png", red, subfolder="x/y", type="temp")
        assert deep == (200, {"name": "b.png", "subfolder": "x/y", "type": "temp"})
        assert (await view(client, filename="b.png", subfolder="x/y", type="temp"))[1] == red
        assert (await view(client, filename="a.png [input]"))[1] == blue

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<script>alert(1)</script>"),
        ("drawing.svg", b"<svg/>"), ("code.py", b"print()"), ("none", b"x"),
        ("fake.png", b"<html>"), ("fake.jpg", png()), ("cut.png", png()[:20]), ("empty.png", b""), (".png", png()),
        ("model.ckpt", b"x"),
    ],
)  # fmt: skip
def test_upload_of_another_kind_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    async def conversation(client: Client) -> None:
        status, answer = await upload(client, name, data)
        assert status in (400, 403, 415)
        assert answer["error"]["details"]
        assert not list(tmp_path.glob("input/**/*.*"))

    talk(tmp_path, conversation)


def test_picture_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))

    async def conversation(client: Client) -> None:
        status, said = await upload(client, "vast.png", b"\x89PNG\r\n\x1a\n" + chunk + png()[33:])
        assert status == 413 and "too many pixels" in said["error"]["details"]

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    "away", ["../out.png", "/etc/out.png", "..\\out.png", "C:\\out.png", "x/../../out.png", "a" * 300]
)
def test_paths_stay_in_their_folders(tmp_path: Path, away: str) -> None:
    (tmp_path / "secret.png").write_bytes(png())

    async def conversation(client: Client) -> None:
        assert (await upload(client, "a.png", png(), subfolder=away))[0] in (400, 403)
        assert (await view(client, filename=away))[0] in (400, 403, 404)
        assert (await view(client, filename="secret.png", subfolder=away))[0] in (400, 403, 404)
        assert (await view(client, filename="../secret.png"))[0] == 403
        async with client.session.post(
            f"{client.running.url}/userdata/{away.replace('/', '%2F')}", data=b"x"
        ) as response:
            assert response.status in (400, 403, 404)
        async with client.session.get(f"{client.running.url}/../secret.png") as response:
            assert response.status == 404
        assert sorted(path.name for path in tmp_path.iterdir() if path.name != "state") == ["secret.png"]

    talk(tmp_path, conversation)


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (tmp_path / "output" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "output" / "up").symlink_to(tmp_path)
    (tmp_path / "output" / "ring").symlink_to(tmp_path / "output" / "ring")

    async def conversation(client: Client) -> None:
        for query in ({"filename": "link.png"}, {"filename": "secret.png", "subfolder": "up"}, {"filename": "ring"}):
            assert (await view(client, **query))[0] in (400, 403, 404)
        assert (await upload(client, "b.png", png(), subfolder="up", type="output"))[0] == 403

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    "name", ["page.html", "drawing.svg", "data.xml", "text.txt", "script.js", "noend", "PAGE.HTML"]
)
def test_what_a_browser_could_run_is_an_attachment(tmp_path: Path, name: str) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / name).write_text("<script>alert(1)</script>")

    async def conversation(client: Client) -> None:
        status, _, headers = await view(client, filename=name)
        assert status == 200
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"].startswith("attachment")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    talk(tmp_path, conversation)


def test_picture_is_shown_as_preview_and_by_channel(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "a.png").write_bytes(png((10, 20, 30, 40)))

    async def conversation(client: Client) -> None:
        for query, media, mode in (
            ({}, "image/png", "RGBA"),
            ({"preview": "webp;90"}, "image/webp", "RGBA"),
            ({"preview": "jpeg;80"}, "image/jpeg", "RGB"),
            ({"channel": "rgb"}, "image/png", "RGB"),
            ({"channel": "a"}, "image/png", "RGBA"),
        ):
            status, data, headers = await view(client, filename="a.png", **query)
            assert (status, headers["Content-Type"]) == (200, media)
            assert Image.open(io.BytesIO(data)).mode == mode
        alpha = Image.open(io.BytesIO((await view(client, filename="a.png", channel="a"))[1]))
        assert alpha.getpixel((0, 0)) == (0, 0, 0, 40)

    talk(tmp_path, conversation)


def test_mask_is_put_on_the_original_and_the_workflow_kept(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "a.png").write_bytes(png((1, 2, 3), workflow="{}"))

    async def conversation(client: Client) -> None:
        reference = json.dumps({"filename": "a.png", "type": "input", "subfolder": ""})
        status, answer = await upload(client, "m.png", png((0, 0, 0, 77)), "/upload/mask", original_ref=reference)
        assert (status, answer["name"]) == (200, "m.png")
        saved = Image.open(tmp_path / "input" / "m.png")
        assert saved.getpixel((0, 0)) == (1, 2, 3, 77)
        assert saved.info["workflow"] == "{}"
        for wrong in (
            "",
            "[]",
            json.dumps({"filename": "../a.png"}),
            json.dumps({"filename": "no.png", "type": "input"}),
        ):
            assert (await upload(client, "m.png", png(), "/upload/mask", original_ref=wrong))[0] in (400, 403, 404)

    talk(tmp_path, conversation)


def test_form_that_is_none_is_refused(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        for type in ("multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary="):
            for data in (
                b"",
                b"x",
                b"--x\r\n\r\nq",
                b"--x\r\nContent-Disposition: form-data; name=image\r\n\r\n" + b"a" * 99,
            ):
                headers = {"Content-Type": type}
                async with client.session.post(
                    f"{client.running.url}/upload/image", data=data, headers=headers
                ) as response:
                    assert response.status in (400, 415), (type, data, await response.text())

    talk(tmp_path, conversation)


def test_metadata_of_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    header = json.dumps({"__metadata__": {"author": "me"}}).encode()
    (folder / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    (folder / "b.safetensors").write_bytes(b"\xff" * 20)
    (folder / "c.ckpt").write_bytes(b"x")
    for place in ("clip/here", "secret"):
        path = folder.parent / f"{place}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((folder / "a.safetensors").read_bytes())

    async def conversation(client: Client) -> None:
        assert await client.get("/view_metadata/loras?filename=a.safetensors") == {"author": "me"}
        for name in ("b.safetensors", "c.ckpt", "no.safetensors", "../loras/a.safetensors", ""):
            async with client.session.get(f"{client.running.url}/view_metadata/loras?filename={name}") as response:
                assert response.status in (403, 404, 415)
        leading_out = f"{client.running.url}/view_metadata/loras%2F..?filename=secret.safetensors"
        async with client.session.get(URL(leading_out, encoded=True)) as answer:
            assert answer.status == 404
        kinds = await client.get("/models")
        assert {"loras", "text_encoders", "diffusion_models"} <= set(kinds)
        assert kinds == sorted(kinds)
        assert await client.get("/models/clip") == await client.get("/models/text_encoders") == ["here.safetensors"]
        assert await client.get("/models/loras") == ["a.safetensors", "b.safetensors"]
        assert await client.get("/experiment/models/loras") == [
            {"name": "a.safetensors", "pathIndex": 0},
            {"name": "b.safetensors", "pathIndex": 0},
        ]

    talk(tmp_path, conversation)


def test_picture_beside_a_model_is_shown_and_no_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "models/loras/deep").mkdir(parents=True)
    (tmp_path / "models/loras/deep/a.v1.preview.png").write_bytes(b"a picture")
    (tmp_path / "models/secret.png").write_bytes(b"no picture of a model")
    where = "/experiment/models/preview/loras"

    async def conversation(client: Client) -> None:
        async with client.session.get(f"{client.running.url}{where}/0/deep/a.v1.webp") as response:
            assert (await response.read(), response.content_type) == (b"a picture", "image/png")
        for path in ("0/b.webp", "1/deep/a.v1.webp", "x/deep/a.v1.webp", "0/..%2Fsecret.webp", "0/.webp"):
            async with client.session.get(URL(f"{client.running.url}{where}/{path}", encoded=True)) as response:
                assert response.status in (403, 404), path
        facts = await client.get("/experiment/models")
        assert {"name": "loras", "folders": ["loras"]} in facts
        assert str(tmp_path) not in json.dumps(facts)

    talk(tmp_path, conversation)
