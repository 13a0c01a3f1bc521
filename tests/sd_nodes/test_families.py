"""What names and widths tell about a model."""

import pytest

from sd_nodes.families import family_of, kind_of


@pytest.mark.parametrize(
    ("width", "family"), [(768, "sd1"), (1024, "sd2"), (2048, "sdxl"), (32, "context-32"), (None, "")]
)
def test_the_width_of_the_text_tells_the_family(width: int | None, family: str) -> None:
    """Unknown widths make families of their own: what differs does not fit."""
    assert family_of(width) == family


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("control_v11p_sd15_canny.safetensors", "canny"),
        ("control_v11f1p_sd15_depth", "depth"),
        ("sd-controlnet-openpose", "pose"),
        ("controlnet-zoe-depth-sdxl-1.0", "depth"),
        ("emoji-canny", "canny"),
        ("canny-and-depth", ""),
        ("my-control", ""),
        ("indepth-study", ""),
    ],
)
def test_the_name_of_a_controlnet_tells_its_kind(name: str, kind: str) -> None:
    """Whole words count; two kinds in one name tell nothing."""
    assert kind_of(name) == kind
