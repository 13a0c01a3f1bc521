import pytest
import torch
from accelerate import cpu_offload
from diffusers import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from sd_nodes.diffusion.pictures import to_channels_first, to_picture
from sd_nodes.diffusion.safety import SafetyChecker, hide, margins
from tests.sd_nodes.diffusion.ours import random_picture
from tests.sd_nodes.models import safety_checker, scheduler, small_models

PROCESSOR = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
PICTURES = random_picture(1, batch=6) * torch.linspace(0.1, 1, 6)[:, None, None, None]


@pytest.fixture(scope="module")
def checker() -> StableDiffusionSafetyChecker:
    """A checker that flags some of the pictures."""
    made = safety_checker()
    pixels = PROCESSOR(list(to_channels_first(PICTURES)), return_tensors="pt", do_rescale=False).pixel_values
    seen = made.visual_projection(made.vision_model(pixels).pooler_output)
    nearest = torch.cosine_similarity(seen[:, None], made.concept_embeds[None], dim=-1).amax(dim=1)
    made.concept_embeds_weights.fill_(nearest.sort().values[2:4].mean())
    made.special_care_embeds_weights.fill_(1.0)
    return made


def pipeline(checker: StableDiffusionSafetyChecker, **call: torch.Tensor) -> tuple[torch.Tensor, list[bool]]:
    """The pictures and flags of diffusers' pipeline for the same pixels."""
    models = small_models()
    pipe = StableDiffusionPipeline(
        vae=models.vae,
        text_encoder=models.text_encoder,
        tokenizer=models.tokenizer,
        unet=models.unet,
        scheduler=scheduler(),
        safety_checker=checker,
        feature_extractor=PROCESSOR,
    )
    pixels = 2 * to_channels_first(PICTURES) - 1
    hidden, flags = pipe.run_safety_checker(pixels, torch.device("cpu"), checker.dtype)
    shown = pipe.image_processor.postprocess(hidden, output_type="pt", do_denormalize=[not flag for flag in flags])
    return to_picture(shown), flags


def ours(checker: StableDiffusionSafetyChecker) -> SafetyChecker:
    """The same weights, as the store loads them."""
    made = SafetyChecker(checker.config)
    made.load_state_dict(checker.state_dict())
    return made.eval()


def test_the_flags_and_black_pictures_are_those_of_diffusers(checker: StableDiffusionSafetyChecker) -> None:
    pictures, flags = pipeline(checker)
    assert [margin > 0 for margin in margins(PICTURES, ours(checker), PROCESSOR)] == flags
    assert set(flags) == {True, False}
    torch.testing.assert_close(hide(PICTURES, flags), pictures)
    assert hide(PICTURES, flags)[flags.index(True)].max() == 0


def test_a_picture_that_calls_for_care_is_flagged_sooner(checker: StableDiffusionSafetyChecker) -> None:
    before, weights = margins(PICTURES, ours(checker), PROCESSOR), checker.special_care_embeds_weights
    weights.fill_(-1.0)
    after, flags = margins(PICTURES, ours(checker), PROCESSOR), pipeline(checker)[1]
    weights.fill_(1.0)
    torch.testing.assert_close(torch.tensor(after), torch.tensor(before) + 0.01, atol=1e-3, rtol=0)
    assert [margin > 0 for margin in after] == flags


def test_a_checker_whose_weights_wait_elsewhere_tells_the_same(checker: StableDiffusionSafetyChecker) -> None:
    away = ours(checker)
    cpu_offload(away, torch.device("cpu"))
    assert away.concept_embeds.device.type == "meta"
    assert margins(PICTURES, away, PROCESSOR) == margins(PICTURES, ours(checker), PROCESSOR)


def test_only_flagged_pictures_are_hidden() -> None:
    flags = [False, True, False, False, True, False]
    for hidden in (hide(PICTURES, flags), hide(PICTURES, flags, "blurred")):
        changed = [not torch.equal(before, after) for before, after in zip(PICTURES, hidden, strict=True)]
        assert changed == flags


def test_a_blurred_picture_keeps_only_its_large_colours() -> None:
    picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(1))
    blurred = hide(picture, [True], "blurred")
    assert blurred.std() < 0.3 * picture.std()
    torch.testing.assert_close(blurred.mean(), picture.mean(), atol=0.01, rtol=0)


def test_hiding_changes_no_input() -> None:
    before = PICTURES.clone()
    hide(PICTURES, [True] * 6)
    hide(PICTURES, [False] * 6).zero_()
    assert torch.equal(PICTURES, before)
