"""Stands in for ComfyUI's module of this name."""

from pathlib import Path

HERE = Path.cwd()
models_dir = str(HERE / "models")


def get_input_directory():
    return str(HERE / "input")


def get_output_directory():
    return str(HERE / "output")


def get_temp_directory():
    return str(HERE / "temp")
