from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import AutoencoderKL

from sd_nodes.training import text_to_image
from sd_nodes.training.autoencoder import new_autoencoder
from sd_nodes.training.commands import train
from sd_nodes.training.controlnet import new_controlnet
from sd_nodes.training.dataset import Picture
from sd_nodes.training.demo import HINT_CHANNELS
from sd_nodes.training.export import export_controlnet, export_model
from sd_nodes.training.model import LatentDiffusion
from sd_nodes.training.workshop import Workshop, keep_start, kept_start

from .tiny import on_cpu

FROG = Picture("a frog", "render", "1f438", "animals-nature", "animal-amphibian")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(1)
    vae: AutoencoderKL = new_autoencoder()
    vae.register_to_config(scaling_factor=0.75)
    model = text_to_image.new_model(text_to_image.new_tokenizer([FROG]), vae, seed=1)
    export_model(model, folder / "emoji")
    export_controlnet(new_controlnet(model.unet, HINT_CHANNELS), folder / "emoji-canny")
    return folder


def workshop(folder: Path) -> Workshop:
    return Workshop(folder, [FROG], np.zeros((1, 8, 8, 4), np.uint8), on_cpu(), kept_start(folder))


def test_a_start_gives_every_part_its_weights_and_the_words_it_knows(exported: Path, tmp_path: Path) -> None:
    keep_start(tmp_path, exported)
    shop, wanted = workshop(tmp_path), LatentDiffusion.open(exported / "emoji")
    made = shop.model()
    for name in ("unet", "text_encoder", "vae"):
        found, given = getattr(made, name).state_dict(), getattr(wanted, name).state_dict()
        assert all(torch.equal(found[key], given[key]) for key in given), name
    assert made.vae.config.scaling_factor == 0.75
    assert made.tokenizer.get_vocab() == wanted.tokenizer.get_vocab()
    assert shop.started_controlnet("canny") is not None


def test_without_a_start_the_weights_come_from_the_seed(exported: Path, tmp_path: Path) -> None:
    shop, other = workshop(tmp_path), LatentDiffusion.open(exported / "emoji")
    assert not torch.equal(shop.model().unet.conv_in.weight, other.unet.conv_in.weight)
    assert shop.started_controlnet("canny") is None


def test_a_working_folder_keeps_to_one_start(exported: Path, tmp_path: Path) -> None:
    keep_start(tmp_path / "work", exported)
    keep_start(tmp_path / "work", exported)
    other = tmp_path / "other"
    other.symlink_to(exported)
    keep_start(tmp_path / "work", other)
    for part in ("tokenizer", "text_encoder", "unet", "vae"):
        (tmp_path / "third/emoji" / part).mkdir(parents=True)
    with pytest.raises(ValueError, match="take another working folder"):
        keep_start(tmp_path / "work", tmp_path / "third")


def test_a_start_that_is_no_exported_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "emoji/vae").mkdir(parents=True)
    result = CliRunner().invoke(train, ["demo", "latents", "--folder", str(tmp_path), "--start-from", str(tmp_path)])
    assert result.exit_code == 2
    assert "no emoji/tokenizer, no emoji/text_encoder, no emoji/unet" in result.output
