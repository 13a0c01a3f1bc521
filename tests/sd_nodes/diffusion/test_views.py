import torch
from torch import nn

from sd_nodes.diffusion.views import device_of, view_of


def test_a_view_shares_weights_and_leaves_the_module() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    view = view_of(module, {"1": nn.Identity()}, flag=True)
    assert view[0] is module[0]
    assert isinstance(view[1], nn.Identity)
    assert isinstance(module[1], nn.ReLU)
    assert view.flag
    assert not hasattr(module, "flag")


def test_where_a_module_computes() -> None:
    assert device_of(nn.Linear(2, 2)) == torch.device("cpu")
