"""A disk that does not answer keeps nobody waiting but who asks for what lies on it.

A pipe that nobody writes to stands for such a disk: whoever opens it waits.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graph_runtime.comfy.serving import Options
from tests.comfy.server.live import Client, talk

CROWD = 40
"""More requests than there are threads for files."""

JOB = {"1": ("Number", {"value": 3}), "2": ("Tell", {"value": ["1", 0]})}


@contextmanager
def stuck(path: Path) -> Iterator[None]:
    """Have a file that cannot be read for as long as the block lasts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    writer = -1
    try:
        yield
    finally:
        writer = os.open(path, os.O_RDWR)  # all who wait to open it may
        path.unlink()
        os.close(writer)


@pytest.mark.parametrize(
    ("file", "route"),
    [
        ("state/settings.json", "/settings"),
        ("models/folders.yaml", "/models"),
        ("models/folders.yaml", "/experiment/models"),
        ("models/folders.yaml", "/view_metadata/loras?filename=a.safetensors"),
        ("templates/a.json", "/workflow_templates/Ours/a.json"),
    ],
)
def test_jobs_are_taken_in_and_told_while_files_cannot_be_read(tmp_path: Path, file: str, route: str) -> None:
    async def conversation(client: Client) -> None:
        waiting: list[asyncio.Task[None]] = []
        with stuck(tmp_path / file):
            try:
                async with client.listen() as listener:
                    url = client.running.url + route
                    waiting += [asyncio.create_task(_ask(client, url)) for _ in range(CROWD)]
                    await asyncio.sleep(0.3)
                    async with asyncio.timeout(10):
                        said = await client.prompt(JOB, client_id="me")
                        assert "execution_success" in await listener.end(said["prompt_id"])
                        assert (await client.get("/prompt"))["exec_info"]["queue_remaining"] == 0
                        assert len((await client.get("/jobs"))["jobs"]) == 1
            finally:
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)

    options = Options(port=0, templates=(("Ours", tmp_path / "templates"),))
    talk(tmp_path, conversation, options=options, models=(tmp_path / "models/folders.yaml",))


async def _ask(client: Client, url: str) -> None:
    async with client.session.get(url) as response:
        await response.read()
