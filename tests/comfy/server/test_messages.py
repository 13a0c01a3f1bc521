"""Progress is told as what changed, in batches; previews with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graph_runtime import Folders, Preview, Problem, Shown, ShownFile
from graph_runtime.comfy.messages import FAILURES, Message, Narration, Picture
from graph_runtime.comfy.showing import output_of
from graph_runtime.events import NodeExpanded, NodeFailed, NodeFinished, NodeProgressed, NodeSkipped, NodeStarted
from tests.comfy.server.live import Client, talk
from tests.engine.runs import graph

JPEG = Preview("image/jpeg", b"jpeg")


def narration() -> Narration:
    steps = graph({"a": ("Number", {}), "b": ("Bump", {"n": ["a", 0]}), "t": ("Tell", {"value": ["b", 0]})}).steps
    return Narration("job", Folders(), steps)


def states(told: Narration) -> dict[str, tuple[object, object, object]]:
    """What the next `progress_state` says of each node."""
    (message,) = (one for one in told.progress() if isinstance(one, Message) and one.type == "progress_state")
    nodes: Any = message.data["nodes"]
    return {id: (node["state"], node["value"], node["max"]) for id, node in nodes.items()}


def test_only_what_runs_and_what_changed_is_told() -> None:
    told = narration()
    assert told.progress() == []
    told.tell(NodeStarted("a", "", "Number"))
    assert states(told) == {"a": ("running", 0, 1)}
    told.tell(NodeProgressed("a", 3, 4))
    told.tell(NodeStarted("b", "", "Bump"))
    assert states(told) == {"a": ("running", 3, 4), "b": ("running", 0, 1)}
    told.tell(NodeFinished("a", 1.0))
    assert states(told) == {"a": ("finished", 4, 4), "b": ("running", 0, 1)}
    told.tell(NodeFailed("b", Problem("failed", "ValueError: no")))
    assert states(told) == {"b": ("error", 0, 1)}
    assert told.progress() == []


def test_many_ticks_between_two_batches_are_one() -> None:
    told = narration()
    told.tell(NodeStarted("a", "", "Number"))
    for tick in range(100):
        told.tell(NodeProgressed("a", tick, 100, JPEG))
    batch = told.progress()
    assert [one.type for one in batch if isinstance(one, Message)] == ["progress", "progress_state"]
    assert batch[0].data == {"value": 99, "max": 100, "prompt_id": "job", "node": "a"}  # type: ignore[union-attr]
    (picture,) = (one for one in batch if isinstance(one, Picture))
    assert (picture.about["node_id"], picture.preview) == ("a", JPEG)


def test_what_was_reused_or_is_over_is_no_progress() -> None:
    told = narration()
    told.tell(NodeFinished("a", 0.0, reused=True))
    told.tell(NodeSkipped("b", "a"))
    told.tell(NodeProgressed("b", 1, 2, JPEG))
    assert told.progress() == []


def test_late_client_is_told_what_runs() -> None:
    told = narration()
    assert told.snapshot() == []
    told.tell(NodeStarted("a", "", "Number"))
    told.progress()
    assert [one.type for one in told.snapshot() if isinstance(one, Message)] == ["executing", "progress_state"]


def test_node_inside_others_is_shown_at_the_outermost() -> None:
    told = narration()
    told.tell(NodeExpanded("a", ("a.1",)))
    told.tell(NodeExpanded("a.1", ("a.1.1",)))
    (message,) = told.tell(NodeStarted("a.1.1", "", "Bump"))
    assert isinstance(message, Message)
    assert message.data == {"node": "a.1.1", "display_node": "a", "prompt_id": "job"}


def test_first_failure_is_told_last() -> None:
    told = narration()
    told.tell(NodeFailed("a", Problem("failed", "ValueError: first")))
    told.tell(NodeFailed("b", Problem("refused", "second", input="n", nearest="2"), "trace\n"))
    second, first = told.failed()
    assert (first.data["exception_type"], first.data["exception_message"]) == ("ValueError", "first")
    assert (second.data["exception_message"], second.data["node_type"]) == ("n: second Did you mean 2?", "Bump")


def test_thousand_failures_are_not_all_told() -> None:
    told = narration()
    for number in range(1000):
        told.tell(NodeFailed("a", Problem("failed", f"ValueError: {number}")))
    said = [message.data["exception_message"] for message in told.failed()]
    assert (len(said), said[-1]) == (FAILURES, "0")


def test_what_is_told_grows_with_the_graph_and_no_faster(tmp_path: Path) -> None:
    async def conversation(client: Client) -> None:
        sizes = {}
        for length in (50, 500):
            links = {str(i): ("Bump", {"n": [str(i - 1), 0]}) for i in range(1, length)}
            nodes = {"0": ("Number", {"value": length}), **links, "t": ("Tell", {"value": [str(length - 1), 0]})}
            async with client.listen(f"{length}") as listener:
                id = (await client.prompt(nodes, client_id=f"{length}"))["prompt_id"]
                await listener.end(id)
                sizes[length] = sum(len(str(said)) for said in listener.heard)
        assert sizes[500] < 15 * sizes[50]

    talk(tmp_path, conversation)


def test_files_are_shown_by_folder_and_kind(tmp_path: Path) -> None:
    folders = Folders(output=tmp_path / "output", temp=tmp_path / "temp")
    shown: Shown[object] = Shown(
        (
            ShownFile(tmp_path / "output" / "a" / "b.png"),
            ShownFile(tmp_path / "temp" / "c.webm", "temp", "video/webm"),
            ShownFile(tmp_path / "elsewhere.png"),
        ),
        ("said",),
        extra={"more": [1], "odd": object(), "nan": float("nan")},
    )
    assert output_of(shown, folders) == {
        "images": [{"filename": "b.png", "subfolder": "a", "type": "output"}],
        "video": [{"filename": "c.webm", "subfolder": "", "type": "temp"}],
        "text": ["said"],
        "more": [1],
    }
