"""What packs tell of a graph that can run."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from graph_runtime import Builder, Folders, Library, Shown, join, node
from graph_runtime.commands.validate import notes
from graph_runtime.step import Step


@node("Apple", category="toys")
def apple(kind: str = "fuji") -> str:
    """Give an apple.

    Returns:
        apple: The apple.
    """
    return kind


@node("Eat", category="toys")
def eat(apple: str) -> Shown:
    """Eat an apple.

    Args:
        apple: The apple.
    """
    return Shown({})


def names(steps: Mapping[str, Step], folders: Folders) -> Iterator[str]:
    for step in steps.values():
        yield f"{step.name} in {folders.input}\x1b[2J"


def test_packs_see_the_steps_that_are_needed() -> None:
    """An apple that nobody eats is not told; what could move the terminal's cursor is made harmless."""
    library, builder = Library.of("toys", apple, eat, notes=[names]), Builder()
    builder.add("Eat", apple=builder.add("Apple"))
    builder.add("Apple", kind="gala")
    folders = Folders(Path("pictures"))
    told = list(notes(join(builder.workflow(), library, folders), folders))
    assert [line.partition(" in pictures")[0] for line in told] == ["Apple", "Eat"]
    assert not any("\x1b" in line for line in told)
