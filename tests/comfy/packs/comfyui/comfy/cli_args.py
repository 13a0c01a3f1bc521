"""Stands in for ComfyUI's module of this name."""

from types import SimpleNamespace

args = SimpleNamespace(extra_model_paths_config=[["more.yaml"]])
