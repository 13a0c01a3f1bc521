"""Where the workflows and their photographs lie."""

from pathlib import Path

WORKFLOWS = Path(__file__).parents[2] / "workflows"
INPUT = WORKFLOWS / "input"
