"""Jobs as the newest editors list, cancel and repeat them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from aiohttp import web

from ..bodies import object_body, refused
from ..context import Route, Server, server_of, whole_number
from ..jobs import OVER, Job, Offer, Status
from ..messages import now
from ..records import detailed, listed
from .prompts import ids_of

LIMIT = 1000
_ALL: tuple[Status, ...] = ("pending", "in_progress", *OVER)


async def get_jobs(request: web.Request) -> web.Response:
    """List jobs, the newest first."""
    server = server_of(request)
    jobs = server.jobs
    asked = request.query.get("status", "").split(",")
    statuses: Sequence[Status] = [status for status in _ALL if status in asked] or (_ALL if asked == [""] else ())
    limit = min(max(whole_number(request, "limit", LIMIT) or 0, 0), LIMIT)
    offset = max(whole_number(request, "offset", 0) or 0, 0)
    oldest_first = request.query.get("sort_order") == "asc"

    def read() -> dict[str, object]:
        found = jobs.listed(statuses, limit, offset, oldest_first)
        total = jobs.count(statuses)
        more = offset + len(found) < total
        pagination = {"offset": offset, "limit": limit, "total": total, "has_more": more}
        return {"jobs": [listed(summary) for summary in found], "pagination": pagination}

    return web.json_response(await server.at_desk(read))


async def get_job(request: web.Request) -> web.Response:
    """Give all of a job."""
    return web.json_response(detailed(await _found(request)))


async def get_assets(request: web.Request) -> web.Response:
    """List the files of a job; none is known by more than its place, which the job itself tells."""
    job = await _found(request)
    page = {"offset": 0, "limit": 0, "total": 0, "has_more": False}
    return web.json_response({"job_id": job.summary.id, "assets": [], "pagination": page})


async def cancel_job(request: web.Request) -> web.Response:
    """Cancel a job that runs or waits; for one that is over there is nothing to do."""
    server, job = server_of(request), await _found(request)
    return web.json_response({"cancelled": await server.at_desk(_cancel, server, [job.summary.id])})


async def cancel_jobs(request: web.Request) -> web.Response:
    """Cancel several jobs."""
    server, ids = server_of(request), ids_of((await object_body(request)).get("job_ids"))
    return web.json_response({"cancelled": await server.at_desk(_cancel, server, ids)})


async def retry_job(request: web.Request) -> web.Response:
    """Put a job that is over into the queue again, as a new one."""
    server, job = server_of(request), await _found(request)
    if job.summary.status not in OVER:
        raise refused(f"the job {job.summary.id} is not over yet.", 409)
    summary = job.summary
    offer = Offer(
        str(uuid.uuid4()), now(), job.targets, job.prompt, job.extra, summary.client, summary.workflow_id
    )  # fmt: skip
    number = await server.at_desk(server.jobs.add, offer)
    server.queue.wake()
    return web.json_response({"prompt_id": offer.id, "number": number, "node_errors": {}})


def _cancel(server: Server, ids: Sequence[str]) -> bool:
    withdrawn = server.jobs.withdraw(ids)
    stopped = [server.queue.interrupt(id) for id in ids]
    if withdrawn:
        server.queue.wake()
    return withdrawn > 0 or any(stopped)


async def _found(request: web.Request) -> Job:
    server, id = server_of(request), request.match_info["id"]
    job = await server.at_desk(server.jobs.find, id)
    if job is None:
        raise refused(f"there is no job {id[:80]!r}.", 404)
    return job


ROUTES = (
    Route("GET", "/jobs", get_jobs),
    Route("GET", "/jobs/{id}", get_job),
    Route("GET", "/jobs/{id}/assets", get_assets),
    Route("POST", "/jobs/{id}/cancel", cancel_job),
    Route("POST", "/jobs/{id}/retry", retry_job),
    Route("POST", "/jobs/cancel", cancel_jobs, "json"),
)
