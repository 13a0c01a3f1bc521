"""The values between nodes: hashable recipes, light imports."""

import subprocess
import sys
from dataclasses import replace

from sd_nodes.types import Condition, Conditioning, Control, ControlNet, Image, Model, Scheduler, Settings, Source

SOURCE = Source("emoji", "0" * 64, "unet")


def test_importing_the_types_imports_no_torch() -> None:
    """Validation reads the types and has to stay quick."""
    code = "import sd_nodes.types, sys; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_equal_recipes_share_a_place_in_a_dictionary() -> None:
    """The weight store keys modules by recipes."""
    assert len({Model(SOURCE, "sd1"), Model(SOURCE, "sd1"), Model(SOURCE, "sd1", settings=Settings("float32"))}) == 2
    assert replace(Model(SOURCE, "sd1"), scheduler=Scheduler("euler")) != Model(SOURCE, "sd1")


def test_a_control_is_added_after_those_before_it() -> None:
    """Applying twice gives two ControlNets in the order of application and leaves the first conditioning as it was."""
    import torch

    picture = Image(torch.zeros(1, 8, 8, 3))
    first, second = (Control(ControlNet(SOURCE, "sd1", kind), picture) for kind in ("canny", "depth"))
    plain = Conditioning((Condition(torch.zeros(1, 77, 8)),), "sd1")
    both = plain.controlled(first).controlled(second)
    assert both.conditions[0].controls == (first, second)
    assert plain.conditions[0].controls == ()
