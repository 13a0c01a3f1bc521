"""What is kept of a job that is over, and how the history and the lists of jobs tell it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from .jobs import Job, Status, Summary
from .messages import Data, Narration

_VIEWABLE = ("images", "video", "audio", "gifs", "3d")
"""The lists of files that editors know how to show."""


def record_of(narration: Narration, status: Status) -> Data:
    """What the history tells of a job."""
    return {
        "outputs": narration.outputs,
        "status": {
            "status_str": "success" if status == "completed" else "error",
            "completed": status == "completed",
            "messages": [[message.type, message.data] for message in narration.log],
        },
        "meta": narration.meta,
    }


def facts_of(narration: Narration) -> Data:
    """What lists tell of a job: how much it showed, the last picture, what went wrong."""
    shown = [
        {**item, "nodeId": id, "mediaType": kind}
        for id, output in narration.outputs.items()
        for kind in _VIEWABLE
        for item in _items(output, kind)
        if "filename" in item and "type" in item
    ]
    saved = [item for item in shown if item["type"] == "output"]
    errors = [message.data for message in narration.log if message.type == "execution_error"]
    return {
        "outputs_count": sum(len(_items(output, kind)) for output in narration.outputs.values() for kind in output),
        "preview_output": next(reversed(saved or shown), None),
        **({"execution_error": errors[-1]} if errors else {}),
    }


def _items(output: Mapping[str, object], kind: str) -> list[Mapping[str, object]]:
    found = output.get(kind)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def queue_item(job: Job) -> str:
    """A job as the queue lists it, as JSON text: `[number, id, prompt, extra_data, outputs]`."""
    summary = job.summary
    extra = f'{job.extra[:-1]},"client_id":{json.dumps(summary.client)}}}' if summary.client else job.extra
    return f"[{json.dumps(summary.number)},{json.dumps(summary.id)},{job.prompt},{extra},{job.targets}]"


def queue_json(running: Iterable[Job], pending: Iterable[Job]) -> str:
    """The queue, as JSON text."""
    lists = [",".join(queue_item(job) for job in jobs) for jobs in (running, pending)]
    return f'{{"queue_running":[{lists[0]}],"queue_pending":[{lists[1]}]}}'


def history_json(jobs: Iterable[Job]) -> str:
    """The history, as JSON text: by id, in the order of the jobs."""
    entries = (f'{json.dumps(job.summary.id)}:{{"prompt":{queue_item(job)},{job.record[1:]}' for job in jobs)
    return "{" + ",".join(entries) + "}"


def listed(summary: Summary) -> Data:
    """A job as lists tell it."""
    return {
        "id": summary.id,
        "status": summary.status,
        "create_time": summary.created,
        "execution_start_time": summary.started,
        "execution_end_time": summary.ended,
        "priority": summary.serial,
        "workflow_id": summary.workflow_id or None,
        "outputs_count": None,
        "preview_output": None,
        **json.loads(summary.facts),
    }


def detailed(job: Job) -> Data:
    """All of a job."""
    record = json.loads(job.record)
    return {
        **listed(job.summary),
        "update_time": job.summary.ended or job.summary.started or job.summary.created,
        "workflow": {"prompt": json.loads(job.prompt), "extra_data": json.loads(job.extra)},
        "outputs": record.get("outputs", {}),
        "execution_status": record.get("status"),
        "execution_meta": record.get("meta"),
    }
