"""What the server and its machine can do, how full they are, and what was logged."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping

from aiohttp import web

from ..bodies import object_body
from ..context import Route, in_thread, server_of
from ..messages import Message
from ..places import KINDS, folder_of
from ..uploads import UPLOAD_LIMIT

FEATURES: Mapping[str, object] = {
    "supports_preview_metadata": True,
    "supports_progress_text_metadata": True,
    "max_upload_size": UPLOAD_LIMIT,
}
PROTOCOL = "0.3.64"
"""The version of ComfyUI whose protocol the server speaks."""

_COLUMNS = 80


async def get_features(request: web.Request) -> web.Response:
    """Say what the server can do."""
    return web.json_response(FEATURES)


@in_thread
def get_system_stats(request: web.Request) -> web.Response:
    """Say what the machine is and how full its memory is; torch is asked only if something has loaded it."""
    total, free = _memory()
    frontend = version_of("comfyui-frontend-package")
    templates = version_of("comfyui-workflow-templates")
    system = {
        "os": sys.platform,
        "ram_total": total,
        "ram_free": free,
        "comfyui_version": PROTOCOL,
        "required_frontend_version": frontend,
        "installed_templates_version": templates,
        "required_templates_version": templates,
        "python_version": sys.version,
        "pytorch_version": version_of("torch"),
        "embedded_python": False,
        "argv": ["controlgraph", "serve"],
    }
    return web.json_response({"system": system, "devices": _devices(total, free)})


def version_of(package: str) -> str:
    """The version of an installed package, or "" where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _memory() -> tuple[int, int]:
    """The machine's memory in bytes, and how much of it is free; 0 where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no file of ours
            fields = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in file)}
        return fields["MemTotal"], fields["MemAvailable"]
    except (OSError, KeyError, ValueError, IndexError):
        return 0, 0


def _devices(total: int, free: int) -> list[dict[str, object]]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return [_device("cpu", "cpu", None, total, free, 0, 0)]
    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        reserved, used = torch.cuda.memory_reserved(index), torch.cuda.memory_allocated(index)
        name = f"cuda:{index} {torch.cuda.get_device_name(index)}"
        found.append(_device(name, "cuda", index, total, free, reserved, reserved - used))
    return found


def _device(
    name: str, type: str, index: int | None, total: int, free: int, torch_total: int, torch_free: int
) -> dict[str, object]:
    return {
        "name": name,
        "type": type,
        "index": index,
        "vram_total": total,
        "vram_free": free,
        "torch_vram_total": torch_total,
        "torch_vram_free": torch_free,
    }


async def get_logs(request: web.Request) -> web.Response:
    """Give what was logged lately, as one text."""
    return web.json_response("".join(f"{line['t']} - {line['m']}" for line in list(server_of(request).logs.lines)))


async def get_raw_logs(request: web.Request) -> web.Response:
    """Give what was logged lately, line by line."""
    lines = list(server_of(request).logs.lines)
    return web.json_response({"entries": lines, "size": {"cols": _COLUMNS, "rows": len(lines)}})


async def subscribe_logs(request: web.Request) -> web.Response:
    """Let a client hear of what is logged, or no more."""
    body = await object_body(request)
    client = body.get("clientId")
    if isinstance(client, str):
        server_of(request).hub.log_to(client, body.get("enabled") is True)
    return web.Response()


def log_message(line: Mapping[str, str]) -> Message:
    """Make the message that tells subscribers of a line."""
    return Message("logs", {"entries": [dict(line)], "size": {"cols": _COLUMNS, "rows": 1}}, passing=True)


@in_thread
def get_files(request: web.Request) -> web.Response:
    """List the files of a folder, the newest first."""
    folder = folder_of(server_of(request).folders, request.match_info["kind"])
    entries = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    newest = sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True)
    return web.json_response([path.name for path in newest if not path.name.startswith(".")])


async def get_folder_paths(request: web.Request) -> web.Response:
    """Say which folders there are, by name; where they lie is nobody's business."""
    return web.json_response({kind: [kind] for kind in KINDS})


ROUTES = (
    Route("GET", "/features", get_features),
    Route("GET", "/system_stats", get_system_stats),
    Route("GET", "/internal/logs", get_logs),
    Route("GET", "/internal/logs/raw", get_raw_logs),
    Route("PATCH", "/internal/logs/subscribe", subscribe_logs, "json"),
    Route("GET", "/internal/files/{kind}", get_files),
    Route("GET", "/internal/folder_paths", get_folder_paths),
)
