"""Graphs become scripts of plain calls that give the same files."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graph_runtime import Executor, Folders, Library, Link, NodeCall, Workflow, WorkflowError, discover, join
from graph_runtime.scripting import to_python
from graph_runtime.scripting.names import Names, slug
from tests.comfy.formats import toys
from tests.engine import apples

ROOT = Path(__file__).parents[2]


def script(
    calls: dict[str, NodeCall], library: Library = toys.LIBRARY, folders: Folders | None = None, **more: object
) -> str:
    folders = folders or Folders()
    return to_python(join(Workflow(calls, "x.json"), library, folders), folders, **more)  # type: ignore[arg-type]


def run(text: str, folder: Path) -> str:
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    found = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'nodes'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(path)], cwd=folder, env=found, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PICTURE = {
    "1": NodeCall("LoadCheckpoint", {"name": "demo"}),
    "2": NodeCall("Empty", {"width": 64}, "Blank sheet"),
    "3": NodeCall("Encode", {"text": 'a "cat"\nand a hat', "clip": Link("1", "clip")}, "Wanted!"),
    "4": NodeCall("Encode", {"text": "dogs", "clip": Link("1", 1)}),
    "5": NodeCall(
        "DrawSteps", {"model": Link("1"), "positive": Link("3"), "negative": Link("4"), "image": Link("2"), "seed": 7}
    ),
    "6": NodeCall("Save", {"image": Link("5")}),
    "7": NodeCall("Trace", {"image": Link("2")}),
}

EXPECTED = '''\
"""Gives what x.json gives."""

from contextlib import closing
from pathlib import Path
from tempfile import gettempdir

from graph_runtime import Folders, Prompt
from tests.comfy.formats.toys import Paint, empty, encode, load_checkpoint, sample, save

FOLDERS = Folders(
    input=Path("input"),
    output=Path("output"),
    models=(Path("models"),),
    temp=Path(gettempdir(), "controlgraph"),
)


def main() -> None:
    """Call the nodes one after the other."""
    with closing(Paint.open(FOLDERS)) as paint:
        loaded = load_checkpoint(name="demo")
        blank_sheet = empty(width=64)
        wanted = encode(text='a "cat"\\nand a hat', clip=loaded.clip)
        conditioning = encode(text="dogs", clip=loaded.clip)
        image = sample(
            model=loaded.model,
            positive=wanted,
            negative=conditioning,
            image=blank_sheet,
            seed=7,
            paint=paint,
        )
        print(save(image=image, folders=FOLDERS, prompt=PROMPT))
'''


def test_a_script_reads_like_one_that_a_person_wrote() -> None:
    assert script(PICTURE).startswith(EXPECTED)


def test_a_script_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = Folders(output=tmp_path / "run")
    graph = join(Workflow(PICTURE, "x.json"), toys.LIBRARY, folders)
    with Executor(folders) as executor:
        asyncio.run(executor.run(graph))
    printed = run(script(PICTURE, folders=Folders(output=tmp_path / "script")), tmp_path)
    (ours,), (theirs,) = ((tmp_path / name).iterdir() for name in ("run", "script"))
    assert printed == f"{theirs}\n"
    assert ours.read_bytes() == theirs.read_bytes() != b""


def calls_of(calls: dict[str, NodeCall]) -> list[str]:
    """The lines of the body."""
    text = script(calls, apples.LIBRARY)
    body = text.split('after the other."""\n')[1].split("\n\n\n")[0]
    return [line.strip() for line in body.splitlines()]


def told(value: Link) -> dict[str, NodeCall]:
    return {"99": NodeCall("Tell", {"value": value})}


def test_a_node_is_called_for_each_item_of_a_list() -> None:
    calls = {
        "1": NodeCall("Crate"),
        "2": NodeCall("Bump", {"n": Link("1"), "by": 5}),
        "3": NodeCall("Weigh", {"crate": Link("2")}),
    }
    lines = calls_of(calls | told(Link("3")))
    assert lines == [
        "crate_2 = crate()",
        "bump_2 = [bump(n=n, by=5) for n in crate_2]",
        "weigh_2 = weigh(crate=bump_2)",
        "print(tell(value=weigh_2))",
    ]


def test_a_shorter_list_repeats_its_last_item(tmp_path: Path) -> None:
    calls = {
        "1": NodeCall("Crate", {"count": 3}),
        "2": NodeCall("Crate", {"count": 2}),
        "3": NodeCall("Multiply", {"a": Link("1"), "b": Link("2")}),
        "4": NodeCall("Weigh", {"crate": Link("3")}, "Weight"),
    }
    text = script(calls | told(Link("4")), apples.LIBRARY, Folders(output=tmp_path))
    text = text.replace("print(tell(value=weight", "print(weight); print(tell(value=weight")
    assert run(text, tmp_path).split()[0] == str(1 * 1 + 2 * 2 + 3 * 2)


def test_a_lone_value_becomes_a_list() -> None:
    calls = {"1": NodeCall("Number", {"value": 3}, "n"), "2": NodeCall("Weigh", {"crate": Link("1")})}
    assert "weigh(crate=[n])" in calls_of(calls | told(Link("2")))[1]


def test_lazy_inputs_and_async_nodes() -> None:
    calls = {
        "1": NodeCall("Number", {}, "one"),
        "2": NodeCall("Choose", {"first": True, "yes": Link("1"), "no": Link("1")}),
    }
    assert "run(choose(first=True, yes=Lazy.of(one), no=Lazy.of(one)))" in calls_of(calls | told(Link("2")))[1]


def test_a_node_that_expands_is_told() -> None:
    with pytest.raises(WorkflowError, match=r"node 1 \(Loop\): makes a sub-graph while it runs"):
        script({"1": NodeCall("Loop", {"times": 3})} | told(Link("1")), apples.LIBRARY)


SAY = """
from graph_runtime import Library, Shown, node

@node("Say")
def say(word: str) -> Shown[None]:
    print(word)
    return Shown()
"""
MAKE = """
from graph_runtime import Library, Shown, node

def make():
    @node("Say")
    def say(word: str) -> Shown[None]:
        print(word)
        return Shown()
    return say

LIBRARY = Library.of("made", make())
"""


@pytest.mark.parametrize(("source", "found"), [(SAY, "import say\n"), (MAKE, 'say = LIBRARY["Say"].function\n')])
def test_a_pack_in_a_folder(source: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "my-pack.py").write_text(source)
    library = discover([tmp_path / "packs"])
    text = script({"1": NodeCall("Say", {"word": "hello"})}, library, packs=[tmp_path / "packs"])
    assert found in text
    assert run(text, tmp_path).split() == ["hello"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Canny edges!", "canny_edges"), ("KSampler", "ksampler"), ("EmptyLatentImage", "empty_latent_image"),
        ("2nd try", ""), ("…", ""), ("x" * 99, "x" * 40), ("positive / negative", "positive_negative"),
    ],
)  # fmt: skip
def test_words_become_identifiers(words: str, name: str) -> None:
    assert slug(words) == name


def test_no_name_is_given_twice_and_none_hides_a_builtin() -> None:
    names = Names()
    assert [names.take("Image"), names.take("image"), names.take("list"), names.take("for", "x"), names.take("…")] == [
        "image", "image_2", "list_2", "x", "value",
    ]  # fmt: skip
