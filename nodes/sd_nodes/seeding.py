"""How noise on the way is seeded: the one thing in which pictures of the field's editors differ by release."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from graph_runtime import NodeError

if TYPE_CHECKING:
    from sd_nodes.diffusion.k.noise import SeedRule

VARIABLE = "CONTROLGRAPH_NOISE_SEED"
"""The environment variable: `next` draws noise on the way from the seed after the run's own, `same` from the same."""


def seeding() -> str:
    """Return what the environment asks for; the newer rule if it asks for nothing."""
    return os.environ.get(VARIABLE) or "next"


def seed_rule() -> SeedRule:
    """Return the rule for noise that samplers add on a CPU.

    Raises:
        NodeError: The environment asks for another one.
    """
    rules: dict[str, SeedRule] = {"next": "next", "same": "same"}
    if seeding() not in rules:
        raise NodeError(f"the environment variable {VARIABLE} is “{seeding()}”, needed is next or same.")
    return rules[seeding()]
