"""Small random depth models saved as transformers saves them."""

import json
from pathlib import Path

import torch
from transformers import (
    BeitConfig,
    DPTConfig,
    DPTForDepthEstimation,
    GLPNConfig,
    GLPNForDepthEstimation,
    PreTrainedModel,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
)

SIZE = {"height": 32, "width": 32}


def save_depth(folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Save a DPT with its image processor."""
    torch.manual_seed(0)
    config = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    return _save(folder, DPTForDepthEstimation(config).to(dtype), "DPTImageProcessor", size=SIZE)


def save_glpn(folder: Path) -> Path:
    """Save a GLPN, which gives metres."""
    torch.manual_seed(0)
    config = GLPNConfig(depths=[1] * 4, hidden_sizes=[8] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=8)
    return _save(folder, GLPNForDepthEstimation(config), "GLPNImageProcessor")


def save_zoedepth(folder: Path, framed: bool = True) -> Path:
    """Save a ZoeDepth, which gives metres, and whose processor shows it pictures in a frame."""
    torch.manual_seed(0)
    backbone = BeitConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        use_relative_position_bias=True,
    )
    config = ZoeDepthConfig(
        backbone_config=backbone,
        backbone_hidden_size=16,
        neck_hidden_sizes=[8] * 4,
        fusion_hidden_size=8,
        bottleneck_features=8,
        num_relative_features=8,
        bin_embedding_dim=8,
        bin_configurations=[{"n_bins": 8, "min_depth": 1e-3, "max_depth": 10.0, "name": "nyu"}],
    )
    settings = {"size": SIZE, "ensure_multiple_of": 8, "do_pad": framed}
    return _save(folder, ZoeDepthForDepthEstimation(config), "ZoeDepthImageProcessor", **settings)


def _save(folder: Path, model: PreTrainedModel, processor: str, **settings: object) -> Path:
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": processor, **settings}))
    return folder
