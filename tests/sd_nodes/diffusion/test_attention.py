import pytest
import torch
from diffusers import ModelMixin
from diffusers.models.attention_dispatch import AttentionBackendName
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from sd_nodes.diffusion.attention import BACKENDS, ON_GPUS, Processor, available_backends, set_attention
from sd_nodes.diffusion.errors import SettingError
from tests.sd_nodes.models import controlnet, ready, unet, vae

CPU = torch.device("cpu")
SDPA, MATH = Processor(AttentionBackendName.NATIVE), Processor(AttentionBackendName._NATIVE_MATH)


def both(attention: Attention, *given: torch.Tensor, **named: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What diffusers' processor makes of the inputs, and what ours makes."""
    attention.set_processor(AttnProcessor2_0())
    theirs = attention(*given, **named)
    attention.set_processor(SDPA)
    return theirs, attention(*given, **named)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_self_attention_and_attention_to_a_prompt(dtype: torch.dtype) -> None:
    attention = ready(Attention(32, cross_attention_dim=32, heads=4, dim_head=8), dtype)
    states, prompt = torch.randn(2, 64, 32, dtype=dtype), torch.randn(2, 77, 32, dtype=dtype)
    assert torch.equal(*both(attention, states))
    assert torch.equal(*both(attention, states, encoder_hidden_states=prompt))


def test_attention_over_a_picture_as_in_the_autoencoder() -> None:
    attention = ready(Attention(32, heads=1, dim_head=32, norm_num_groups=8, residual_connection=True, bias=True))
    assert torch.equal(*both(attention, torch.randn(2, 32, 6, 4)))


def test_masked_and_normed_attention() -> None:
    attention = ready(Attention(32, cross_attention_dim=32, heads=4, dim_head=8, qk_norm="layer_norm"))
    states, prompt = torch.randn(2, 9, 32), torch.randn(2, 5, 32)
    mask = torch.zeros(2, 1, 5).masked_fill(torch.tensor([True, False, False, True, False]), -1e4)
    theirs, mine = both(attention, states, encoder_hidden_states=prompt, attention_mask=mask)
    assert torch.equal(theirs, mine)
    assert not torch.equal(mine, attention(states, encoder_hidden_states=prompt))


def test_a_backend_is_really_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIFFUSERS_ATTN_BACKEND", raising=False)
    first, second = ready(unet()), ready(unet())
    second.set_attn_processor(MATH)
    given = (torch.randn(2, 4, 8, 8), 7, torch.randn(2, 77, 32))
    one, other = first(*given).sample, second(*given).sample
    torch.testing.assert_close(one, other)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("model", [unet(), controlnet(), vae()], ids=lambda model: type(model).__name__)
def test_a_model_is_set(model: ModelMixin) -> None:
    assert set_attention(model) == ""
    assert set(model.attn_processors.values()) == {SDPA}


@pytest.mark.parametrize("wanted", ["xformers", "flash", "sage"])
def test_a_backend_that_is_not_usable_is_told(wanted: str) -> None:
    model = unet()
    assert wanted in (note := set_attention(model, wanted))
    assert "CUDA" in note
    assert set(model.attn_processors.values()) == {SDPA}


def test_a_backend_that_does_not_exist() -> None:
    with pytest.raises(SettingError, match="Did you mean 'xformers'"):
        set_attention(unet(), "xformer")


def test_torchs_own_is_always_there() -> None:
    found = available_backends(CPU)
    assert set(found) == set(BACKENDS)
    assert found["sdpa"] == found["sdpa_math"] == ""
    assert all(found[name] for name in ON_GPUS)


@pytest.mark.parametrize("wanted", [name for name in BACKENDS if name not in ON_GPUS])
@pytest.mark.parametrize(("dtype", "apart"), [(torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
def test_backends_compute_the_same(wanted: str, dtype: torch.dtype, apart: float) -> None:
    """Within the stated part of the largest number: float32 a few last bits, bfloat16 a few of its eight."""
    plain, other = ready(unet(), dtype), ready(unet(), dtype)
    assert set_attention(plain, "sdpa") == set_attention(other, wanted) == ""
    assert set(other.attn_processors.values()) == {Processor(BACKENDS[wanted])}
    given = (torch.randn(2, 4, 8, 8, dtype=dtype), 7, torch.randn(2, 77, 32, dtype=dtype))
    one, two = plain(*given).sample, other(*given).sample
    assert (one - two).abs().max() <= apart * one.abs().max()


def test_a_model_that_waits_elsewhere_is_set_for_where_it_computes() -> None:
    assert "is on meta" in set_attention(unet(), "xformers", torch.device("meta"))
