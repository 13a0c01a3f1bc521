"""The nodes that change recipes: schedulers and settings."""

import typing

import pytest

from graph_runtime import NodeError
from sd_nodes.families import KINDS
from sd_nodes.loaders import ControlKind
from sd_nodes.schedulers import swap_scheduler
from sd_nodes.settings import attention_backend, model_dtype, model_offload, vae_memory
from sd_nodes.types import Clip, Model, Scheduler, Settings, Source, Vae

MODEL = Model(Source("a", "0" * 64, "unet"), "sd1")


def test_a_scheduler_is_a_name_in_the_recipe():
    assert swap_scheduler(MODEL, "unipc").scheduler == Scheduler("unipc")
    assert swap_scheduler(MODEL, "DDIMScheduler").scheduler == Scheduler("DDIMScheduler")


def test_options_stand_in_one_order():
    found = swap_scheduler(MODEL, "ddim", eta=0.5, timestep_spacing="trailing", more='{"steps_offset": 1}')
    assert found.scheduler.options == (("eta", 0.5), ("steps_offset", 1), ("timestep_spacing", "trailing"))


def test_a_spacing_of_noise_levels_turns_the_others_off():
    found = swap_scheduler(MODEL, "dpmpp_2m_karras", "beta").scheduler.options
    expected = {"use_beta_sigmas": True, "use_karras_sigmas": False, "use_exponential_sigmas": False}
    assert dict(found) == expected
    assert not any(dict(swap_scheduler(MODEL, "dpmpp_2m_karras", "uniform").scheduler.options).values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scheduler": "unicp"}, r"no scheduler 'unicp'.*unipc"),
        ({"scheduler": "FlowMatchEulerDiscreteScheduler"}, "does not fit a model that predicts noise; these do: ddim"),
        ({"scheduler": "pndm", "eta": 0.5}, r"PNDMScheduler has no option 'eta'.*These have it"),
        ({"scheduler": "ddim", "sigmas": "karras"}, "DDIMScheduler has no option 'use_karras_sigmas'"),
        ({"scheduler": "unipc", "solver_type": "bh3"}, "'bh3' is given, needed is one of bh1, bh2"),
        ({"scheduler": "unipc", "more": '{"solver_oder": 2}'}, r"solver_oder.*solver_order"),
        ({"scheduler": "unipc", "more": "solver_order=2"}, "found no JSON"),
        ({"scheduler": "unipc", "more": "[1]"}, "found no table"),
        ({"scheduler": "unipc", "more": '{"disable_corrector": [0]}'}, "found a list or a table"),
        ({"scheduler": "unipc", "more": '{"steps_offset": NaN}'}, "nan is given"),
    ],
)
def test_what_does_not_fit_a_scheduler_is_refused(options, said):
    with pytest.raises(NodeError, match=said):
        swap_scheduler(MODEL, **options)


def test_settings_add_up():
    found = attention_backend(model_offload(model_dtype(MODEL, "bfloat16"), "sequential"), "sdpa")
    assert found.settings == Settings("bfloat16", "sdpa", "sequential")
    kernels = attention_backend(model_dtype(MODEL, storage="float8_e4m3fn"), "sdpa_math", "regional", True).settings
    assert (kernels.storage, kernels.attention, kernels.compilation, kernels.graphs) == (
        "float8_e4m3fn", "sdpa_math", "regional", True,
    )  # fmt: skip
    assert MODEL.settings == Settings()


def test_an_autoencoder_saves_memory_by_its_recipe():
    vae = vae_memory(Vae(MODEL.source, "sd1"), sliced=False)
    assert (vae.sliced, vae.tiled) == (False, True)


def test_settings_go_on_any_recipe():
    clip = Clip(Source("a", "0" * 64, "text_encoder"), "sd1")
    assert model_dtype(clip, "float16").settings.dtype == "float16"


def test_settings_on_something_else_are_refused():
    with pytest.raises(NodeError, match="found str, needs a model"):
        model_dtype("a text", "float16")


def test_the_kinds_of_controlnets_are_all_offered():
    assert set(typing.get_args(ControlKind)) == {"auto", *KINDS}
