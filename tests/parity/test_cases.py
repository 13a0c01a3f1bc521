"""How cases are read, chosen, compared and summed up, and the models they name."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

from benchmarks import readme
from benchmarks.parity.__main__ import GOLDENS
from benchmarks.parity.cases import covering, read
from benchmarks.parity.groups import NEWER, OTHER, group_of, table
from benchmarks.parity.measures import EQUAL, relative_error, signal_to_noise
from benchmarks.parity.running import Found, run
from benchmarks.parity.weights.drawn import Weight, norm, under, write
from benchmarks.parity.weights.files import LARGE, MODELS, make, needed
from benchmarks.parity.weights.pictures import PICTURES

LOAD = {"class_type": "LoadImage", "inputs": {"image": "parity_c.png"}}
SAVE = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}


SUMS = {
    "parity_a": "3fa308f0372a00e8",
    "parity_b": "ada20918637df9bb",
    "parity_c": "7533fbc6466b715b",
    "parity_mask": "86c5f6f8c2f9c5ed",
    "parity_mask2": "51a3076357221f5d",
}
"""The pixels of the pictures."""


def described(name: str, nodes: dict[str, object]) -> dict[str, object]:
    return {"name": name, "feature": "image_x", "outputs": {"image": "2"}, "workflow": nodes}


@pytest.fixture
def goldens(tmp_path: Path) -> Path:
    """A folder with two cases, of which one has goldens by either rule, and one by the newer rule alone."""
    folder = tmp_path / "goldens"
    folder.mkdir()
    cases = [described("a", {"1": LOAD, "2": SAVE}), described("b", {"1": LOAD, "2": SAVE})]
    (folder / "cases_few.json").write_text(json.dumps({"cases": cases}))
    picture = PICTURES["parity_c"]()[None]
    save_file({"a/image": picture}, folder / "goldens_few.safetensors")
    save_file({"a/image": picture, "b/image": 255 - picture}, folder / "goldens_newseed_few.safetensors")
    return folder


def test_a_folder_is_run_whatever_its_files_are_called(goldens: Path, tmp_path: Path) -> None:
    cases = read(goldens)
    assert [(case.name, case.rule) for case in cases] == [("a", "same"), ("a", "next"), ("b", "next")]
    make(tmp_path / "models", needed([]))
    found = list(run(cases, tmp_path / "models", tmp_path / "work"))
    assert [one.ratio == EQUAL for one in found] == [True, True, False]
    assert [one.met for one in found] == [True, True, False]
    assert [case.name for case in read(goldens, ["b"])] == ["b"]


def test_a_case_that_cannot_run_tells_why(goldens: Path, tmp_path: Path) -> None:
    (case, *_) = read(goldens)
    make(tmp_path / "models", needed([]))
    unknown = {**case.nodes, "1": {"class_type": "LoadImages", "inputs": {}}}
    broken = {**case.nodes, "1": {**LOAD, "inputs": {"image": "parity_a.png"}}}
    first, second = run([replace(case, nodes=unknown), replace(case, nodes=broken)], tmp_path / "models", tmp_path)
    assert not first.met and "LoadImages" in first.reason
    assert not second.met and second.ratio == -1  # another size


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="cases"):
        read(tmp_path)


def test_measures() -> None:
    zeros, ones = np.zeros((1, 2, 2, 3), np.uint8), np.ones((1, 2, 2, 3), np.uint8)
    assert signal_to_noise(zeros, zeros) == EQUAL
    assert signal_to_noise(zeros, ones) == pytest.approx(48.13, abs=0.01)
    assert signal_to_noise(zeros, ones[:, :1]) == -1
    wanted = np.array([3.0, 4.0], np.float32)
    assert relative_error(wanted * 1.01, wanted) == pytest.approx(0.01, rel=1e-4)
    assert relative_error(wanted[:1], wanted) == float("inf")


@pytest.mark.parametrize(
    ("ratio", "error", "reason", "met"),
    [
        (60.0, 1e-3, "", True), (59.9, 0.0, "", False), (99.0, 1.1e-3, "", False), (None, 1e-4, "", True),
        (99.0, 0.0, "refused", False),
    ],
)  # fmt: skip
def test_what_counts_as_met(ratio, error, reason, met) -> None:
    (case, *_) = read(GOLDENS, ["sampler_euler"])
    assert Found(case, ratio, error, 1.0, reason).met is met


def test_every_kind_is_covered_by_few_cases() -> None:
    cases = read(GOLDENS)
    chosen = covering(cases)
    assert set().union(*(case.kinds for case in chosen)) == set().union(*(case.kinds for case in cases))
    assert len(chosen) < len(cases) / 2
    assert {"euler", "dpmpp_sde", "karras", "KSampler", "next", "same"} <= set().union(*(one.kinds for one in chosen))


def test_every_feature_has_a_group() -> None:
    cases = read(GOLDENS)
    assert OTHER not in {group_of(case) for case in cases}
    assert group_of(replace(cases[0], rule="next")) == NEWER


def test_the_table_tells_the_worst() -> None:
    (case, *_) = read(GOLDENS, ["lora"])
    found = [Found(case, 99.0, 1e-6, 1.0), Found(case, 80.0, 2e-5, 1.0), Found(case, None, None, 1.0, "refused")]
    assert table(found).markdown().splitlines()[-1] == "| **all** | 3 | 2 | 80.0 dB | 2.0e-05 |"


def test_the_readme_keeps_what_stands_around_a_table(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("a\n<!-- parity: begin -->\nold\n<!-- parity: end -->\nb\n")
    readme.write("parity", "new", page)
    assert page.read_text() == "a\n<!-- parity: begin -->\nnew\n<!-- parity: end -->\nb\n"
    with pytest.raises(ValueError, match="figures: begin"):
        readme.write("figures", "new", page)


def test_cases_name_the_models_they_need() -> None:
    by_name = {case.name: needed([case]) for case in read(GOLDENS) if case.rule == "same"}
    assert by_name["p_sampler_euler_0"] >= {"checkpoints/parity_sd15"}
    assert by_name["p_control_two_0"] >= {"controlnet/parity_control", "controlnet/parity_control2"}
    assert by_name["p_sdxl_plain_0"] >= {LARGE} and LARGE not in by_name["p_control_two_0"]
    named = {text for case in read(GOLDENS) for text in case.texts() if text.endswith(".safetensors")}
    assert named <= {f"{Path(name).name}.safetensors" for name in MODELS}


def test_small_models_are_those_that_the_goldens_were_made_with(tmp_path: Path) -> None:
    """The large ones come from the same functions; their sums were compared once."""
    sums = make(tmp_path, ["loras/parity_lora", "loras/parity_locon", "embeddings/parity_ti"])
    assert {name: sum[:16] for name, sum in sums.items()} == {
        "loras/parity_lora": "bcef0d0d9b42fe23", "loras/parity_locon": "0b4e266abb3cb4db",
        "embeddings/parity_ti": "b7ebad9379757ed0",
    }  # fmt: skip
    assert make(tmp_path, ["loras/parity_lora"]) == {}


def test_pictures_are_those_that_the_goldens_were_made_with() -> None:
    sums = {name: hashlib.sha256(pixels().tobytes()).hexdigest()[:16] for name, pixels in PICTURES.items()}
    assert sums == SUMS


def test_a_file_of_drawn_weights_is_one_that_can_be_read(tmp_path: Path) -> None:
    network = under("a", norm(8)) | {"b": Weight.of(torch.arange(3)[None])}
    digest = write(tmp_path / "x.safetensors", "tag", network)
    read_back = load_file(tmp_path / "x.safetensors")
    assert digest == hashlib.sha256((tmp_path / "x.safetensors").read_bytes()).hexdigest()
    assert {name: one.dtype for name, one in read_back.items()} == {
        "a.weight": torch.float16, "a.bias": torch.float16, "b": torch.int64,
    }  # fmt: skip
    assert torch.equal(read_back["b"], torch.arange(3)[None])
    assert 0.7 < float(read_back["a.weight"].float().mean()) < 1.3
    assert sorted(tmp_path.iterdir()) == [tmp_path / "x.safetensors"]
