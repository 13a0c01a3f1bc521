"""Prompts, the queue, the history."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from functools import reduce

from aiohttp import web

from ..admission import Admission, Refused, admit
from ..bodies import object_body, refused
from ..complaints import answer, complaint
from ..context import Posted, Rewrite, Route, Server, server_of, whole_number
from ..formats.reading import sent_document
from ..jobs import Offer, Taken, as_json
from ..messages import now
from ..records import history_json, queue_json

_SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")
"""Credentials for another company's services that its editor sends along; they are written nowhere."""

_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


async def post_prompt(request: web.Request) -> web.Response:
    """Check a prompt in full, and put it into the queue."""
    server = server_of(request)
    body = await object_body(request)
    if server.rewrites:
        body = await server.at_desk(_rewritten, server.rewrites, body)
    if "prompt" not in body:
        raise Refused(answer(complaint("no_prompt", "needs a prompt: an object of nodes by id.", "No prompt provided")))
    offer = _offer(body)
    targets = _targets(body.get("partial_execution_targets"))
    admission, number = await server.at_desk(_accept, server, body, targets, offer)
    server.queue.wake()
    return web.json_response({"prompt_id": offer.id, "number": number, "node_errors": admission.node_errors})


def _rewritten(rewrites: Iterable[Rewrite], body: Posted) -> Posted:
    return reduce(lambda found, change: change(found), rewrites, body)


def _accept(
    server: Server, body: Mapping[str, object], targets: list[str] | None, offer: Offer
) -> tuple[Admission, float]:
    prompt = body["prompt"]
    admission = admit(prompt, targets, server.library, server.folders, sent_document(body))
    try:
        return admission, server.jobs.add(offer.of(as_json(prompt), as_json(admission.targets)))
    except Taken:
        raise refused(f"there is a job with the prompt_id {offer.id} already.", type="invalid_prompt") from None


def _offer(body: Mapping[str, object]) -> Offer:
    """Read what is said about a prompt; each part has to be what it should be."""
    id = body.get("prompt_id")
    if id is None:
        id = str(uuid.uuid4())
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise _odd("prompt_id", "up to 128 letters, digits and . : _ -")
    number = body.get("number")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float) or abs(number) > 2**53):
        raise _odd("number", "a number")
    client = "" if body.get("client_id") is None else body["client_id"]
    if not isinstance(client, str) or len(client) > 128:
        raise _odd("client_id", "a text of up to 128 characters")
    extra, workflow_id = _extra(body.get("extra_data"))
    front = body.get("front") is True
    return Offer(id, now(), "", "", as_json(extra), client, workflow_id, number, front)


def _extra(extra: object) -> tuple[dict[str, object], str]:
    """Read what the editor sends along, its document among it."""
    if extra is None:
        extra = {}
    if not isinstance(extra, dict):
        raise _odd("extra_data", "an object")
    info = extra.get("extra_pnginfo") or {}
    workflow = info.get("workflow") or {} if isinstance(info, dict) else None
    if not isinstance(workflow, dict):
        raise _odd("extra_data.extra_pnginfo", "an object with the editor's document as `workflow`")
    id = workflow.get("id")
    kept = {name: value for name, value in extra.items() if name not in _SECRETS} | {"extra_pnginfo": info}
    return kept, id if isinstance(id, str) else ""


def _targets(given: object) -> list[str] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(id, str) for id in given):
        raise _odd("partial_execution_targets", "a list of ids of nodes")
    return given or None


def _odd(name: str, needed: str) -> Refused:
    return refused(f"{name}: needs {needed}.", type="invalid_prompt", message="This is no prompt")


async def get_prompt(request: web.Request) -> web.Response:
    """Say how many jobs are left."""
    return web.json_response({"exec_info": {"queue_remaining": server_of(request).queue.remaining}})


async def get_queue(request: web.Request) -> web.Response:
    """List the jobs that run and wait."""
    server = server_of(request)
    jobs = server.jobs

    def read() -> str:
        return queue_json(jobs.queued("in_progress"), jobs.queued("pending"))

    return _raw(await server.at_desk(read))


async def post_queue(request: web.Request) -> web.Response:
    """Take jobs out of the queue."""
    server, body = server_of(request), await object_body(request)
    if body.get("clear") is True:
        await server.at_desk(server.jobs.withdraw, None)
    if ids := ids_of(body.get("delete")):
        await server.at_desk(server.jobs.withdraw, ids)
    server.queue.wake()
    return web.Response()


async def get_history(request: web.Request) -> web.Response:
    """List the jobs that are over."""
    server = server_of(request)
    jobs = server.jobs
    limit, offset = whole_number(request, "max_items", None), whole_number(request, "offset", -1)

    def read() -> str:
        if limit is not None and limit <= 0:
            return "{}"
        return history_json(jobs.history(limit, -1 if offset is None else offset))

    return _raw(await server.at_desk(read))


async def get_history_of(request: web.Request) -> web.Response:
    """Give the history of one job; an empty object where it is not over, or there is none."""
    server = server_of(request)
    job = await server.at_desk(server.jobs.find, request.match_info["id"])
    return _raw(history_json([job] if job is not None and job.summary.ended is not None else []))


async def post_history(request: web.Request) -> web.Response:
    """Forget jobs that are over."""
    server, body = server_of(request), await object_body(request)
    if body.get("clear") is True:
        await server.at_desk(server.jobs.forget, None)
    if ids := ids_of(body.get("delete")):
        await server.at_desk(server.jobs.forget, ids)
    return web.Response()


async def post_interrupt(request: web.Request) -> web.Response:
    """Cancel the job that runs, or one job if it runs."""
    server, id = server_of(request), (await object_body(request)).get("prompt_id")
    await server.at_desk(server.queue.interrupt, id if isinstance(id, str) else None)
    return web.Response()


async def post_free(request: web.Request) -> web.Response:
    """Give back memory once no job runs."""
    body = await object_body(request)
    server_of(request).queue.free(body.get("unload_models") is True, body.get("free_memory") is True)
    return web.Response()


def ids_of(given: object) -> list[str]:
    """Read a list of ids; anything else in it names no job."""
    return [id for id in given if isinstance(id, str)] if isinstance(given, list) else []


def _raw(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")


ROUTES = (
    Route("POST", "/prompt", post_prompt, "json"),
    Route("GET", "/prompt", get_prompt),
    Route("GET", "/queue", get_queue),
    Route("POST", "/queue", post_queue, "json"),
    Route("GET", "/history", get_history),
    Route("GET", "/history/{id}", get_history_of),
    Route("POST", "/history", post_history, "json"),
    Route("POST", "/interrupt", post_interrupt, "json"),
    Route("POST", "/free", post_free, "json"),
)
