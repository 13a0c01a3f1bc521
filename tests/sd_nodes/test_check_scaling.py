"""How the work of checking grows with a graph: counted in looks at steps, not in time."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from graph_runtime import Builder, Folders, Handle, Step, join
from sd_nodes import LIBRARY, estimates
from sd_nodes.checks import control_pictures, families
from sd_nodes.estimates import needs

Look = Callable[[Mapping[str, Step], Folders], Iterator[object]]


class Counted(Mapping[str, Step]):
    """Steps that count how often one of them is looked up."""

    def __init__(self, steps: Mapping[str, Step]) -> None:
        self.steps = steps
        self.looks = 0

    def __getitem__(self, id: str) -> Step:
        self.looks += 1
        return self.steps[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)


def in_a_row(length: int) -> Builder:
    """Conditionings, pictures and latents in rows, and as many samplers and ControlNets on their ends."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    picture: Handle = builder.add("CannyEdges", image=builder.add("EmptyImage", width=64, height=64))
    prompt: Handle = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    latents: Handle = builder.add("EmptyLatentImage", width=64, height=64)
    for _ in range(length):
        picture = builder.add("ImageInvert", image=picture)
        prompt = builder.add("ConditioningSetTimestepRange", conditioning=prompt, start=0.0, end=1.0)
        latents = builder.add("LatentFlip", samples=latents, flip_method="x-axis: vertically")
    for seed in range(length):
        told = builder.add("ControlNetApply", conditioning=prompt, control_net=net, image=picture)
        drawn = builder.add("Sampler", model=base["model"], positive=told, negative=prompt, latent=latents, seed=seed)
        builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
    return builder


@pytest.mark.parametrize("look", [families, control_pictures, needs])
def test_looks_grow_as_the_graph_does(small_folders: Folders, monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    """Twice the graph takes about twice the looks; afresh for each sampler it would be four times."""
    monkeypatch.setattr(estimates, "_device", lambda: "cpu")
    looks = []
    for length in (40, 80):
        steps = Counted(join(in_a_row(length).workflow(), LIBRARY, small_folders).steps)
        list(look(steps, small_folders))
        looks.append(steps.looks)
    assert looks[1] < 2.2 * looks[0]


def test_recipes_that_pass_through_steps_unchanged_are_kept_once(small_folders: Folders) -> None:
    """Steps through which the same ControlNet reaches share one list of it."""
    builder = Builder()
    base = builder.add("LoadBaseModel", name="small")
    net = builder.add("ControlNetLoader", control_net_name="small-canny")
    picture = builder.add("EmptyImage", width=64, height=64)
    prompt: Handle = builder.add("CLIPTextEncode", text="a", clip=base["clip"])
    for _ in range(5):
        prompt = builder.add("ControlNetApply", conditioning=prompt, control_net=net, image=picture)
        prompt = builder.add("ConditioningSetTimestepRange", conditioning=prompt, start=0.0, end=1.0)
    size = builder.add("EmptyLatentImage", width=64, height=64)
    drawn = builder.add("Sampler", model=base["model"], positive=prompt, negative=prompt, latent=size)
    builder.add("SaveImage", images=builder.add("VAEDecode", samples=drawn, vae=base["vae"]))
    steps = join(builder.workflow(), LIBRARY, small_folders).steps
    reaching = estimates._reaching(steps)
    ranges = {id: step for id, step in steps.items() if step.node.id == "ConditioningSetTimestepRange"}
    ranged = [(id, step.wires["conditioning"].node) for id, step in ranges.items()]
    assert len(ranged) == 5
    assert all(reaching[id] and reaching[id] is reaching[source] for id, source in ranged)
