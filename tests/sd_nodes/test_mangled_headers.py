"""Whatever the header of a model file says, the answer is a family or a sentence; nothing crashes."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_runtime import Folders, GraphError
from sd_nodes import part_sources, sources
from sd_nodes.headers import read_header
from sd_nodes.inventory import described, inventory
from tests.sd_nodes import original_checkpoints as original

Entries = dict[str, list[int]]

LOADERS = {
    "checkpoints": (sources.checkpoint, part_sources.seeing_checkpoint),
    "controlnet": (sources.controlnet,),
    "vae": (sources.vae,),
    "diffusion_models": (part_sources.unet,),
    "text_encoders": (lambda name, folders: part_sources.clip([name], folders),),
    "clip_vision": (part_sources.clip_vision,),
    "gligen": (part_sources.gligen,),
    "style_models": (part_sources.style,),
    "upscale_models": (part_sources.upscaler,),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    """The shapes of a checkpoint by their names."""
    path = tmp_path_factory.mktemp("whole") / "whole.safetensors"
    original.write(path, original.unet(), original.vae(), original.text_encoder(), original.controlnet())
    return {name: list(tensor.shape) for name, tensor in read_header(path).items()}


def write(path: Path, entries: Entries, dtype: str = "F16") -> None:
    """Write a file that holds a header and no weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for name, shape in entries.items()}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mangled_header_is_told_or_refused_in_words(
    whole: Entries, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Tensors that are missing, of other ranks and widths, or under other names, in every loader."""
    kept = data.draw(st.sets(st.sampled_from([".", "input_blocks", "attn2", "cond_stage", "first_stage", "weight"])))
    names = [name for name in whole if not any(part in name for part in kept - {"."})] or list(whole)[:1]
    entries = {name: whole[name] for name in names}
    for name in data.draw(st.lists(st.sampled_from(names), max_size=12)):
        entries[name] = data.draw(st.lists(st.integers(0, 10**6), max_size=5))
    for name in data.draw(st.lists(st.sampled_from(names), max_size=4)):
        entries[data.draw(st.text(max_size=30))] = whole[name]
    root = tmp_path_factory.getbasetemp() / "mangled"
    folders = Folders(models=(root,))
    dtype = data.draw(st.sampled_from(["F16", "F8_E4M3", "none such"]))
    for kind, loaders in LOADERS.items():
        write(root / kind / "x.safetensors", entries, dtype)
        for load in loaders:
            try:
                load("x.safetensors", folders)
            except GraphError as error:
                assert str(error).strip()
    for item in inventory(folders):
        if item.path.is_relative_to(root):
            told = described(item, None)
            assert isinstance(told.family, str)


def test_a_header_of_many_tensors_is_read_in_no_time(tmp_path: Path) -> None:
    """As merged models of several families have them."""
    write(
        tmp_path / "checkpoints/many.safetensors", {f"model.layer.{number}.weight": [4, 4] for number in range(50_000)}
    )
    (item,) = [each for each in inventory(Folders(models=(tmp_path,))) if each.name == "many.safetensors"]
    assert "no UNet, VAE, text encoder or other part" in described(item, None).problem
