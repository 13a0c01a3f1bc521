"""`comfy_api.input`, `input_impl` and `util`: values that newer nodes pass on, as packs write them into annotations.

Pictures, masks and sounds are what they are; films and bodies in space are not computed with here.
"""

from __future__ import annotations

from typing import Any

ImageInput = MaskInput = AudioInput = LatentInput = Any
