"""The nodes of Stable Diffusion and ControlNet."""

from graph_runtime import Library
from sd_nodes import (
    controlnet,
    depth,
    edges,
    grid,
    images,
    latents,
    loaders,
    safety,
    sampling,
    schedulers,
    settings,
    text,
)
from sd_nodes.checks import CHECKS
from sd_nodes.environment import around, environment

LIBRARY = Library.of(
    "sd_nodes",
    loaders,
    text,
    images,
    edges,
    depth,
    controlnet,
    schedulers,
    sampling,
    latents,
    safety,
    settings,
    grid,
    environment=environment,
    around=around,
    checks=CHECKS,
)
