import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from datasets import Dataset
from datasets import Image as Picture
from diffusers import ControlNetModel, StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import load_file

from graph_runtime import NodeError
from sd_nodes.training.commands import train
from sd_nodes.training.controlnet import new_controlnet, steer
from sd_nodes.training.export import export_controlnet, export_model
from sd_nodes.training.loop import Randomness
from sd_nodes.training.model import LatentDiffusion
from sd_nodes.training.objective import ask
from sd_nodes.training.triples import COLUMNS, as_square, read_triples
from sd_nodes.training.words import Words
from tests.sd_nodes import original_checkpoints
from tests.sd_nodes.saved_sdxl import save_base

from .tiny import tiny_model


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    folder = tmp_path / "examples"
    folder.mkdir()
    rows = []
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        Image.new("RGB", (40, 32), colour).save(folder / f"{name}.png")
        Image.new("L", (40, 32), 255).save(folder / f"{name}-edges.png")
        rows.append({"picture": f"{name}.png", "control": f"{name}-edges.png", "caption": f"a {name} cat"})
    (folder / "captions.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    export_model(tiny_model(), tmp_path / "base")
    return tmp_path / "base"


def test_examples_are_read_with_their_captions(examples: Path) -> None:
    triples = read_triples(examples)
    assert [triple.caption for triple in triples] == ["a red cat", "a blue cat"]
    assert as_square(triples[0].picture(), 16).shape == (3, 16, 16)
    assert as_square(triples[0].picture(), 16)[:, 8, 8].tolist() == [1.0, 0.0, 0.0]


def test_all_wrong_lines_are_named_at_once(examples: Path) -> None:
    with (examples / "captions.jsonl").open("a") as lines:
        lines.write('\n{"picture": "green.png", "control": "red-edges.png", "caption": "a"}\nno json\n{"caption": 3}')
    with pytest.raises(ValueError) as raised:
        read_triples(examples)
    told = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in told] == [f"captions.jsonl, line {n}" for n in (3, 4, 5)]
    assert "green.png" in told[0]


def test_pictures_that_cannot_be_read_are_named(examples: Path) -> None:
    (examples / "red.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"line 1: no picture that can be read: red\.png"):
        read_triples(examples)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    picture.save(examples / "red.png")
    (examples / "red.png").write_bytes((examples / "red.png").read_bytes()[:4000])
    with pytest.raises(ValueError, match=r"red\.png cannot be read to its end"):
        read_triples(examples)[0].picture()


def test_a_folder_without_examples_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is empty; it shall hold captions.jsonl or a dataset"):
        read_triples(tmp_path)
    (tmp_path / "letter.doc").write_text("hello")
    with pytest.raises(ValueError, match=r"holds neither captions.jsonl nor a dataset that opens: "):
        read_triples(tmp_path)


@pytest.mark.parametrize("names", COLUMNS)
@pytest.mark.parametrize("form", ["saved", "parquet"])
def test_a_hugging_face_dataset_is_read(tmp_path: Path, form: str, names: tuple[str, str, str]) -> None:
    red, edges = Image.new("RGB", (24, 24), (255, 0, 0)), Image.new("L", (24, 24), 255)
    rows = Dataset.from_dict({names[0]: [red, red], names[1]: [edges, edges], names[2]: ["a red cat", "a red dog"]})
    rows = rows.cast_column(names[0], Picture()).cast_column(names[1], Picture())
    if form == "saved":
        rows.save_to_disk(tmp_path / "data")
    else:
        (tmp_path / "data").mkdir()
        rows.to_parquet(tmp_path / "data" / "train.parquet")
    triples = read_triples(tmp_path / "data")
    assert [triple.caption for triple in triples] == ["a red cat", "a red dog"]
    assert as_square(triples[1].picture(), 8)[:, 4, 4].tolist() == [1.0, 0.0, 0.0]
    assert as_square(triples[1].control(), 8).min() == 1


def test_a_dataset_with_other_columns_is_told_which_it_needs(tmp_path: Path) -> None:
    Dataset.from_dict({"label": [1]}).save_to_disk(tmp_path / "data")
    with pytest.raises(ValueError, match="has the columns label; needed are picture, control, caption or image"):
        read_triples(tmp_path / "data")


def test_a_base_without_its_parts_is_told(tmp_path: Path) -> None:
    save_base(tmp_path / "refiner", refiner=True)
    with pytest.raises(NodeError, match="has no text_encoder"):
        LatentDiffusion.open(tmp_path / "refiner")
    with pytest.raises(NodeError):
        LatentDiffusion.open(tmp_path / "nowhere")


def test_an_exported_model_opens_with_the_same_weights(base: Path) -> None:
    opened, model = LatentDiffusion.open(base), tiny_model()
    for one, other in zip(opened.modules, model.modules, strict=True):
        for value, wanted in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(value, wanted.half().float())
    assert opened.tokenizer("a red cat").input_ids == model.tokenizer("a red cat").input_ids
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in base.rglob("*.safetensors"))


def test_what_was_opened_and_exported_again_does_not_tell_where_it_lay(base: Path, tmp_path: Path) -> None:
    export_model(LatentDiffusion.open(base), tmp_path / "again")
    for path in (tmp_path / "again").rglob("config.json"):
        assert str(tmp_path) not in path.read_text(), path


def test_the_command_trains_and_resumes(examples: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    order = ["controlnet", "--base", str(base), "--data", str(examples), "--out", str(out), "--size", "32"]
    order += ["--batch", "2", "--every", "2", "--rate", "1e-3"]
    first = CliRunner().invoke(train, [*order, "--steps", "2"])
    assert first.exit_code == 0, first.output
    second = CliRunner().invoke(train, [*order, "--steps", "4"])
    assert second.exit_code == 0, second.output
    assert "step 1 of" not in second.output
    assert (out / "sheet-000004.png").exists()
    assert len((out / "losses.jsonl").read_text().splitlines()) == 4
    again = CliRunner().invoke(train, [*order, "--steps", "4"])
    assert "all 4 steps were done before" in again.output
    made = ControlNetModel.from_pretrained(out, use_safetensors=True)
    assert made.controlnet_mid_block.weight.any()
    alone = load_file(out / "out.safetensors")
    assert torch.equal(alone["control_model.middle_block_out.0.weight"], made.controlnet_mid_block.weight.half())


def test_an_sdxl_base_is_steered(examples: Path, tmp_path: Path) -> None:
    place = save_base(tmp_path / "xl")
    order = ["controlnet", "--base", str(place), "--data", str(examples), "--out", str(tmp_path / "out")]
    order += ["--size", "64", "--steps", "2", "--batch", "1", "--batches", "2", "--rate", "1e-3"]
    result = CliRunner().invoke(train, order)
    assert result.exit_code == 0, result.output
    made = ControlNetModel.from_pretrained(tmp_path / "out", use_safetensors=True)
    assert made.controlnet_mid_block.weight.any()
    assert (tmp_path / "out" / "sheet-000002.png").exists()


def test_a_base_in_a_single_file_is_steered(tmp_path: Path) -> None:
    parts = original_checkpoints.unet(), original_checkpoints.vae(), original_checkpoints.text_encoder()
    model = LatentDiffusion.open(original_checkpoints.write(tmp_path / "base.safetensors", *parts))
    controlnet = new_controlnet(model.unet)
    asked = ask(model.scheduler, torch.randn(1, 4, 8, 8), Randomness.of(0, 0))
    assert model.encode_text(["a red cat"], 64).states.shape == (1, 77, 64)
    words = Words(torch.randn(1, 77, 768))
    with torch.no_grad():
        steered = steer(model, controlnet, asked, words, torch.ones(1, 3, 64, 64))
        alone = model.unet(asked.noisy, asked.timesteps, words.states, return_dict=False)[0]
    assert torch.equal(steered, alone)
    assert alone.std() > 0


def test_sdxl_is_told_what_diffusers_tells_it(tmp_path: Path) -> None:
    place = save_base(tmp_path / "xl")
    words = LatentDiffusion.open(place).encode_text(["a red cat", "a blue dog"], 64)
    pipe = StableDiffusionXLPipeline.from_pretrained(place, use_safetensors=True)
    states, _, pooled, _ = pipe.encode_prompt(["a red cat", "a blue dog"], do_classifier_free_guidance=False)
    assert words.added is not None
    assert torch.equal(words.states, states)
    assert torch.equal(words.added["text_embeds"], pooled)
    assert words.added["time_ids"].tolist() == [[64, 64, 0, 0, 64, 64]] * 2


def test_a_base_is_found_by_its_name(examples: Path, base: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "models" / "diffusers"
    shelf.mkdir(parents=True)
    base.rename(shelf / "mine")
    order = ["controlnet", "--base", "mine", "--data", str(examples), "--out", str(tmp_path / "out"), "--size", "32"]
    result = CliRunner().invoke(train, [*order, "--steps", "1", "--batch", "1", "--models", str(tmp_path / "models")])
    assert result.exit_code == 0, result.output
    wrong = CliRunner().invoke(train, [*order, "--base", "minee", "--models", str(tmp_path / "models")])
    assert wrong.exit_code == 2
    assert "Did you mean mine?" in wrong.output


def test_a_size_that_is_no_multiple_of_eight_is_told_with_the_nearest(examples: Path, base: Path) -> None:
    order = ["controlnet", "--base", str(base), "--data", str(examples), "--out", "x", "--size", "101"]
    result = CliRunner().invoke(train, order)
    assert result.exit_code == 2
    assert "the nearest is 104" in result.output


def test_all_wrong_options_are_told_at_once_before_anything_is_written(base: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("keep me")
    order = ["controlnet", "--base", str(tmp_path), "--data", str(tmp_path), "--out", str(full), "--size", "100"]
    result = CliRunner().invoke(train, [*order, "--rate", "-1", "--batch", "none", "--from", str(base), "--seed", "-3"])
    assert result.exit_code == 2
    told = ("--base", "--data", "--out", "--from", "--size", "--rate", "--batch", "--seed")
    assert all(f"Invalid value for '{name}'" in result.output for name in told), result.output
    assert "letter.txt" in result.output
    assert [path.name for path in full.iterdir()] == ["letter.txt"]


def test_a_folder_that_cannot_be_made_is_told(examples: Path, base: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    order = ["controlnet", "--base", str(base), "--data", str(examples), "--out", str(tmp_path / "file" / "out")]
    result = CliRunner().invoke(train, order)
    assert result.exit_code == 2
    assert f"{tmp_path / 'file'} is a file" in result.output


def test_another_order_in_the_folder_of_a_training_is_refused_with_what_changed(
    examples: Path, base: Path, tmp_path: Path
) -> None:
    order = ["controlnet", "--base", str(base), "--data", str(examples), "--out", str(tmp_path / "out"), "--size", "32"]
    begun = CliRunner().invoke(train, [*order, "--steps", "1", "--batch", "1"])
    assert begun.exit_code == 0, begun.output
    result = CliRunner().invoke(train, [*order, "--steps", "2", "--batch", "2", "--rate", "0.5"])
    assert result.exit_code == 2
    assert "--batch was 1 when the training in" in result.output
    assert "--rate was 1e-05 when the training in" in result.output
    assert "--size" not in result.output.partition("Error")[2]


def test_a_controlnet_of_another_base_is_refused_before_the_run(examples: Path, base: Path, tmp_path: Path) -> None:
    export_controlnet(new_controlnet(tiny_model().unet, (4, 4, 8, 8)), tmp_path / "fits")
    config = tmp_path / "fits" / "config.json"
    config.write_text(config.read_text().replace('"cross_attention_dim": 8', '"cross_attention_dim": 768'))
    order = ["controlnet", "--base", str(base), "--data", str(examples), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(train, [*order, "--from", str(tmp_path / "fits")])
    assert result.exit_code == 2
    assert "cross_attention_dim 768, the base 8" in result.output
    assert not (tmp_path / "out").exists()


def test_models_are_not_exported_among_other_things(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    result = CliRunner().invoke(train, ["demo", "export", "--out", str(tmp_path), "--steps", "0"])
    assert result.exit_code == 2
    assert "letter.txt" in result.output
    assert "Invalid value for '--steps'" in result.output


def test_a_stage_before_its_time_is_told_the_order(tmp_path: Path) -> None:
    result = CliRunner().invoke(train, ["demo", "autoencoder", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "pictures.json is not there" in result.output
