"""From the name of a LoRA to a patch of a recipe; its header tells the family, no weight is loaded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from graph_runtime import NodeError
from sd_nodes.digests import digest_file
from sd_nodes.families import family_of, family_of_transformer
from sd_nodes.headers import Header, read_header
from sd_nodes.places import LORA, find
from sd_nodes.types import Patch, Source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from graph_runtime import Folders

PART = "lora"
FOLDER_FILE = LORA.marker
CROSS = re.compile(
    r"attn2[._](?:processor[._])?to_k(?:_lora)?[._](?:lora[._])?(?:lora_down|lora_A|down|hada_w1_b|diff)\b"
)
TEXT = re.compile(r"(?:^lora_te_|^text_encoder\.).*self_attn[._][qkv]_proj.*(?:lora_down|lora_A|down)\b")
SIGNS = ("lora_down", "lora_A", "lora.down", "linear_layer.down", "hada_w1_a", "lokr_w1", "oft_blocks")
"""What stands in the names of the tensors of LoRAs, LoHas, LoKrs and rotations."""

ENDS = (".diff", ".diff_b", ".w_norm", ".set_weight", ".a1.weight")
"""What names of other changes end with."""

SECOND = ("lora_te2_", "text_encoder_2.")


def lora(name: str, strength: float, folders: Folders) -> Patch:
    """Return the patch that a LoRA is.

    Raises:
        NodeError: There is no such LoRA.
    """
    return Patch(Source(name, digest_file(lora_file(name, folders), folders.state), PART), strength)


def lora_file(name: str, folders: Folders) -> Path:
    """Return where a LoRA lies: a file by itself, or the one in a folder as diffusers saves it."""
    place = find(name, LORA, folders)
    return place / FOLDER_FILE if place.is_dir() else place


def located(patch: Patch, folders: Folders) -> Path:
    """Return where the weights of a patch lie.

    Raises:
        NodeError: They are not there, or their content is not what the recipe was made for.
    """
    path = lora_file(patch.source.name, folders)
    found = digest_file(path, folders.state)
    if found != patch.source.digest:
        raise NodeError(
            f"The LoRA “{patch.source.name}” with SHA-256 {patch.source.digest[:12]}... is not there; {path} has "
            f"{found[:12]}.... The files have changed since the graph was planned: run it again."
        )
    return path


def is_lora(header: Header) -> bool:
    """Tell whether tensors are those of a LoRA, by their names."""
    return any(each.endswith(ENDS) or any(sign in each for sign in SIGNS) for each in header)


def family_of_lora(header: Header) -> str:
    """Return the family of models that a LoRA was made for, empty where its tensors do not tell.

    The width that its cross-attention reads tells it, or the text encoders that it changes, or layers of transformers.
    """
    if family := family_of_transformer({name: tensor.shape for name, tensor in header.items()}):
        return family
    if width := _width(header, CROSS):
        return family_of(width)
    if any(name.startswith(SECOND) for name in header):
        return "sdxl"
    return family_of(_width(header, TEXT))


def demand_family(name: str, folders: Folders, wanted: Iterable[tuple[str, str, str]]) -> None:
    """Make sure that a LoRA belongs to the models that it is put on, by its header.

    Args:
        name: The name of the LoRA.
        folders: Where it lies.
        wanted: The input, the name and the family of each of the models.

    Raises:
        NodeError: It belongs to another family, or is no LoRA.
    """
    path = lora_file(name, folders)
    header = read_header(path)
    if not is_lora(header):
        some = ", ".join(sorted(header)[:3]) or "nothing"
        raise NodeError(f"{path} is no LoRA: it holds {some}, ....", input="lora_name")
    family = family_of_lora(header)
    for input, model, theirs in wanted:
        if family and theirs and family != theirs:
            message = f"the LoRA “{name}” is of the family {family}; “{model}” is of the family {theirs}."
            raise NodeError(message, input=input)


def _width(header: Header, sign: re.Pattern[str]) -> int | None:
    return next((tensor.shape[1] for name, tensor in sorted(header.items()) if _tells(name, tensor.shape, sign)), None)


def _tells(name: str, shape: tuple[int, ...], sign: re.Pattern[str]) -> bool:
    return len(shape) > 1 and sign.search(name) is not None
