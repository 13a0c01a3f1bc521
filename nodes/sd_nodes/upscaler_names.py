"""Names of tensors of networks that enlarge pictures: all three layouts of ESRGAN by those of the newest."""

from __future__ import annotations

import re

SIGNS = (
    "body.0.rdb1.conv1.weight",
    "RRDB_trunk.0.RDB1.conv1.weight",
    "model.1.sub.0.RDB1.conv1.0.weight",
    "block_1.c1_r.sk.weight",
    "body.1.weight",
)
"""Names that betray such a network: ESRGAN in its three layouts, SPAN, and the compact network of Real-ESRGAN."""

PREFIXES = ("", "params_ema.", "params.", "module.")
"""What trainers put before the names."""

PARTS = {"trunk_conv": "conv_body", "HRconv": "conv_hr"}


def renamed(names: list[str]) -> dict[str, str]:
    """Return the name in the file of each tensor by the network's own name."""
    tail = _tail(names)
    return {_name(name, tail): name for name in names}


def _name(name: str, tail: dict[str, str]) -> str:
    stem, _, end = name.rpartition(".")
    if match := re.match(r"(?:RRDB_trunk|model\.1\.sub)\.(\d+)\.RDB(\d)\.conv(\d)(?:\.0)?$", stem):
        return f"body.{match[1]}.rdb{match[2]}.conv{match[3]}.{end}"
    if match := re.match(r"upconv(\d+)$", stem):
        return f"conv_up{match[1]}.{end}"
    return f"{tail.get(stem) or PARTS.get(stem, stem)}.{end}" if stem else name


def _tail(names: list[str]) -> dict[str, str]:
    """Name the layers around the blocks in the oldest layout, which numbers them."""
    inner = [int(match[1]) for name in names if (match := re.match(r"model\.1\.sub\.(\d+)\.weight$", name))]
    outer = sorted(int(match[1]) for name in names if (match := re.match(r"model\.(\d+)\.weight$", name)))
    if not inner or len(outer) < 3:
        return {}
    first, *ups, last_but_one, last = outer
    doublings = {f"model.{number}": f"conv_up{place + 1}" for place, number in enumerate(ups)}
    ends = {f"model.{first}": "conv_first", f"model.{last_but_one}": "conv_hr", f"model.{last}": "conv_last"}
    return {f"model.1.sub.{inner[0]}": "conv_body", **ends, **doublings}
