"""Reads what clients send, within limits, and says in one shape what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping

from aiohttp import web

from .admission import Refused
from .complaints import answer, complaint

JSON_LIMIT = 64 << 20
"""Bytes of a JSON body."""

DEPTH_LIMIT = 200
"""How deep JSON may be nested."""

_LARGE = 1 << 18
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OTHER = bytes(set(range(256)) - set(b"[]{}"))


def refused(details: str, status: int = 400, type: str = "invalid_request", message: str = "") -> Refused:
    """Make the refusal of a request."""
    return Refused(answer(complaint(type, details, message or "The request cannot be done")), status)


async def json_body(request: web.Request) -> object:
    """Read a JSON body; None where there is none.

    Raises:
        Refused: It is too large, nested too deep, no JSON, or holds numbers that are none.
    """
    if request.content_length is not None and request.content_length > JSON_LIMIT:
        raise refused(f"the body has {request.content_length} bytes, needs at most {JSON_LIMIT}.", 413)
    data = await read_at_most(request, JSON_LIMIT)
    if not data.strip():
        return None
    return await asyncio.to_thread(parsed, data) if len(data) > _LARGE else parsed(data)


async def object_body(request: web.Request) -> Mapping[str, object]:
    """Read a JSON object; an empty one where there is no body.

    Raises:
        Refused: It is something else.
    """
    found = await json_body(request)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise refused("found something else, needs a JSON object.", type="invalid_prompt")
    return found


async def read_at_most(request: web.Request, limit: int) -> bytes:
    """Read a body.

    Raises:
        Refused: It is larger than the limit.
    """
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > limit:
            raise refused(f"the body is too large, needs at most {limit} bytes.", 413)
    return bytes(data)


def parsed(data: bytes) -> object:
    """Read JSON text strictly.

    Raises:
        Refused: It is none.
    """
    if _depth(data) > DEPTH_LIMIT:
        raise refused(f"the JSON is nested more than {DEPTH_LIMIT} deep.", type="invalid_prompt")
    try:
        return json.loads(data, parse_constant=_constant, parse_float=_number)
    except UnicodeDecodeError:
        reason = "the body is no text in UTF-8."
    except (ValueError, RecursionError) as error:
        reason = f"the body is no JSON: {str(error)[:200]}."
    raise refused(reason, type="invalid_prompt", message="This is no JSON")


def _depth(data: bytes) -> int:
    """How deep brackets are nested outside of texts."""
    depth = deepest = 0
    for bracket in _TEXT.sub(b"", data).translate(None, _OTHER):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value
