"""Compiled blocks compute what plain ones do, and are kept between processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from sd_nodes.diffusion import compiling
from sd_nodes.diffusion.compiling import compile_blocks
from sd_nodes.diffusion.views import view_of
from tests.sd_nodes.models import ready

CPU = torch.device("cpu")


class Blocks(nn.Module):
    """Two equal blocks, as networks repeat them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = BasicTransformerBlock(16, 2, 8), BasicTransformerBlock(16, 2, 8)

    def forward(self, states: Tensor) -> Tensor:
        return self.second(self.first(states))


@pytest.fixture(autouse=True)
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is compiled yet, and nothing stays."""
    monkeypatch.setenv(compiling.CACHE, str(tmp_path / "elsewhere"))
    torch._dynamo.reset()
    compiling.unusable.cache_clear()
    yield
    torch._dynamo.reset()
    compiling.unusable.cache_clear()


def test_compiled_blocks_compute_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a millionth part; the kernels lie under the state folder, once for both blocks."""
    monkeypatch.delenv(compiling.CACHE)
    plain, compiled, states = ready(Blocks()), ready(Blocks()), torch.randn(2, 12, 16)
    if reason := compile_blocks(compiled, CPU, tmp_path):
        pytest.skip(reason)
    with torch.inference_mode():
        expected, found = plain(states), compiled(states)
    assert (expected - found).abs().max() < 1e-6 * expected.abs().max()
    assert os.environ[compiling.CACHE] == str(tmp_path / "compiled")
    assert any((tmp_path / "compiled").rglob("*.so"))


def test_a_view_of_a_compiled_block_is_its_own(tmp_path: Path) -> None:
    """What is compiled belongs to the block that it was compiled for."""

    class Nothing(nn.Module):
        def forward(self, states: Tensor) -> Tensor:
            return states * 0

    blocks = ready(Blocks())
    blocks.first.compile()
    view = view_of(blocks.first, {"ff": Nothing(), "attn1": nn.Identity()})
    assert view._compiled_call_impl is None


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what is missing, and the blocks are left as they are."""
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    blocks = ready(Blocks())
    assert "torch.compile is not usable on cpu" in compile_blocks(blocks, CPU)
    assert blocks.first._compiled_call_impl is None
