"""Pictures and other files: shown, and taken in."""

from __future__ import annotations

import asyncio
import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from ...file_trees import files_in
from ...injected import Folders
from ...model_folders import OTHER_NAMES
from ..bodies import parsed, refused
from ..context import Route, in_thread, server_of
from ..places import folder_of, inside
from ..uploads import UPLOAD_LIMIT, check, masked, opened, save

INLINE = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif",
    ".bmp": "image/bmp", ".avif": "image/avif", ".mp4": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg",
    ".wav": "audio/wav", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".flac": "audio/flac", ".m4a": "audio/mp4",
}  # fmt: skip
"""What a browser may show; everything else is handed out as an attachment of no particular type."""

SANDBOX = "default-src 'none'; sandbox"
_ANNOTATED = re.compile(r"^(.*) \[(input|output|temp)\]$", re.DOTALL)
_FIELD_LIMIT = 1 << 16


@in_thread
def get_view(request: web.Request) -> web.StreamResponse:
    """Show a file of the input, output or temporary folder, as it is, or as a smaller picture."""
    name, kind = request.query.get("filename", ""), request.query.get("type", "output")
    if annotated := _ANNOTATED.match(name):
        name, kind = annotated[1], annotated[2]
    path = _found(server_of(request).folders, kind, request.query.get("subfolder", ""), name)
    preview, channel = request.query.get("preview", ""), request.query.get("channel", "")
    if preview or channel in ("rgb", "a"):
        data, media = _converted(path, preview, channel)
        return web.Response(body=data, headers=_headers(path.name, media))
    return web.FileResponse(path, headers=_headers(path.name, INLINE.get(path.suffix.casefold(), "")))


def _found(folders: Folders, kind: str, subfolder: str, name: str) -> Path:
    if not name:
        raise refused("filename: needs the name of a file.")
    roots = folders.inputs if kind == "input" else (folder_of(folders, kind),)
    path = next((path for root in roots if (path := inside(root, subfolder, name)).is_file()), None)
    if path is None:
        raise refused("there is no such file.", 404)
    return path


def _headers(name: str, media: str) -> dict[str, str]:
    """Say what a file is; a file that could do something in a browser cannot."""
    disposition = f"{'inline' if media else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}"
    return {
        "Content-Type": media or "application/octet-stream",
        "Content-Disposition": disposition,
        "Content-Security-Policy": SANDBOX,
        "Cache-Control": "no-cache",
    }


def _converted(path: Path, preview: str, channel: str) -> tuple[bytes, str]:
    """Draw a picture anew: as `webp;90` or `jpeg;90`, without its alpha channel, or the alpha channel alone."""
    picture = opened(path.read_bytes())
    format, _, quality = preview.partition(";")
    format = format if format in ("webp", "jpeg") else "png" if not preview else "webp"
    stream = io.BytesIO()
    try:
        if channel == "a":
            from PIL import Image

            layer = picture.convert("RGBA").getchannel("A")
            drawn = Image.merge("RGBA", [Image.new("L", picture.size)] * 3 + [layer])
        else:
            drawn = picture.convert("RGB" if channel == "rgb" or format == "jpeg" else "RGBA")
        drawn.save(stream, format.upper(), quality=min(int(quality), 100) if quality.isdecimal() else 90)
    except (OSError, SyntaxError, ValueError) as error:
        raise refused(f"the picture cannot be read: {error}.", 415) from None
    return stream.getvalue(), f"image/{format}"


@dataclass
class Form:
    """A form with a file."""

    name: str = ""
    data: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)


async def post_image(request: web.Request) -> web.Response:
    """Take in a file."""
    form = await _form(request)
    await asyncio.to_thread(check, form.name, form.data)
    return await _saved(request, form, form.data)


async def post_mask(request: web.Request) -> web.Response:
    """Take in a picture whose alpha channel is put on another picture."""
    form = await _form(request)
    reference = parsed(form.fields.get("original_ref", "").encode())
    if not isinstance(reference, dict):
        raise refused("original_ref: needs an object with the filename of a picture.")
    said = {name: str(reference.get(name) or "") for name in ("filename", "subfolder", "type")}
    if not form.name.casefold().endswith(".png"):
        raise refused("the picture is saved as PNG, so its name needs to end with .png.", 415)

    def drawn() -> bytes:
        path = _found(server_of(request).folders, said["type"] or "output", said["subfolder"], said["filename"])
        return masked(path.read_bytes(), form.data)

    return await _saved(request, form, await asyncio.to_thread(drawn))


async def _saved(request: web.Request, form: Form, data: bytes) -> web.Response:
    kind, subfolder = form.fields.get("type") or "input", form.fields.get("subfolder", "")
    root, overwrite = folder_of(server_of(request).folders, kind), form.fields.get("overwrite", "") in ("true", "1")
    name = await asyncio.to_thread(lambda: save(inside(root, subfolder), form.name, data, overwrite))
    return web.json_response({"name": name, "subfolder": subfolder, "type": kind})


async def _form(request: web.Request) -> Form:
    """Read a form with a file called `image`."""
    form = Form()
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader):
                await _take(form, part)
    except (ValueError, AssertionError, RuntimeError, LookupError) as error:
        raise refused(f"the form cannot be read: {str(error)[:200]}.") from None
    form.name = form.name.replace("\\", "/").rpartition("/")[2]
    if not form.name or form.name.startswith("."):
        raise refused("needs a form with a file called image, and the file a name.")
    return form


async def _take(form: Form, part: BodyPartReader) -> None:
    limit = UPLOAD_LIMIT if part.name == "image" else _FIELD_LIMIT
    data = bytearray()
    while chunk := await part.read_chunk(1 << 18):
        data += chunk
        if len(data) > limit:
            raise refused(f"{(part.name or 'a field')[:40]} is too large, needs at most {limit} bytes.", 413)
    if part.name == "image":
        form.name, form.data = part.filename or "", bytes(data)
    elif part.name:
        form.fields[part.name] = data.decode("utf-8", "replace")


@in_thread
def get_metadata(request: web.Request) -> web.Response:
    """Give what a safetensors file says about itself."""
    name, kind, folders = request.query.get("filename", ""), request.match_info["folder"], server_of(request).folders
    for folder in folders.of(kind) if kind in (*folders.kinds, *OTHER_NAMES) else ():
        if name.replace("\\", "/") in files_in(folder, lambda name: name.endswith(".safetensors")):
            return web.json_response(_metadata(folder / name.replace("\\", "/")))
    raise refused("there is no such safetensors file.", 404)


def _metadata(path: Path) -> object:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= UPLOAD_LIMIT else b""
    try:
        return json.loads(header).get("__metadata__", {})
    except (ValueError, AttributeError, RecursionError):
        raise refused("the file is no safetensors file.", 415) from None


ROUTES = (
    Route("GET", "/view", get_view),
    Route("POST", "/upload/image", post_image, "form"),
    Route("POST", "/upload/mask", post_mask, "form"),
    Route("GET", "/view_metadata/{folder}", get_metadata),
)
