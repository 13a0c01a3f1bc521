"""Unions of ControlNets: one network, told which kind of picture steers it."""

from pathlib import Path

import torch
from diffusers import ControlNetUnionModel

from graph_runtime import Folders
from sd_nodes.controlnet import set_union_controlnet_type
from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Control, prepare
from sd_nodes.loaders import controlnet_loader
from sd_nodes.weights import WeightStore
from tests.sd_nodes import models


def union() -> ControlNetUnionModel:
    torch.manual_seed(7)
    net = ControlNetUnionModel(
        block_out_channels=(32, 64), layers_per_block=1, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        cross_attention_dim=32, attention_head_dim=4, norm_num_groups=8, num_control_type=8, num_trans_channel=32,
        num_proj_channel=32, conditioning_embedding_out_channels=(4, 8), addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=72,
    )  # fmt: skip
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return models.ready(net)


def told() -> Condition:
    generator = torch.Generator().manual_seed(3)
    added = {"text_embeds": torch.randn(1, 24, generator=generator), "time_ids": torch.rand(1, 6, generator=generator)}
    return Condition(torch.randn(1, 5, 32, generator=generator), added)


def test_a_union_is_told_the_kind_of_its_picture() -> None:
    net, condition = union(), told()
    latents, picture = torch.randn(1, 4, 8, 8), torch.rand(1, 16, 16, 3)
    kinds = torch.zeros(1, 8)
    kinds[0, 3] = 1
    down, mid = net(
        latents, torch.tensor(500), condition.states, [picture.permute(0, 3, 1, 2).contiguous()], kinds, [3], 0.5,
        added_cond_kwargs=dict(condition.added), return_dict=False,
    )  # fmt: skip
    found = {
        task: prepare(Control(net, picture, 0.5, task=task), latents.shape).residuals(
            latents, torch.tensor(500), condition
        )
        for task in (3, 1, None)
    }
    assert torch.equal(found[3].mid, mid) and all(map(torch.equal, found[3].down, down))
    assert not torch.allclose(found[1].mid, mid) and not torch.allclose(found[None].mid, mid)


def test_a_union_left_open_is_steered_by_the_picture_alone() -> None:
    """Neither the kind nor the network that weighs pictures against each other counts."""
    net, condition = union(), told()
    latents, picture = torch.randn(1, 4, 8, 8), torch.rand(1, 16, 16, 3)

    def middle() -> torch.Tensor:
        steering = prepare(Control(net, picture), latents.shape)
        return steering.residuals(latents, torch.tensor(500), condition).mid

    before = middle()
    torch.nn.init.normal_(net.task_embedding)
    torch.nn.init.normal_(net.spatial_ch_projs.weight)
    assert torch.equal(middle(), before)


def test_a_union_is_read_from_a_folder_and_told_by_its_node(tmp_path: Path) -> None:
    union().save_pretrained(tmp_path / "controlnet/union")
    folders = Folders(models=(tmp_path,))
    net = set_union_controlnet_type(controlnet_loader("union", folders), "tile")
    assert net.task == 6
    assert set_union_controlnet_type(net).task is None
    with WeightStore(folders).controlnet(net) as module:
        assert isinstance(module, ControlNetUnionModel)
