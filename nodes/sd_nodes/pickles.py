"""Weight files that can run programs: how they are told by their names, and why they are not opened."""

from __future__ import annotations

PICKLES = {".ckpt", ".bin", ".pt", ".pth", ".pkl"}
PICKLE_REASON = "a pickle can run any program when it is opened, so only safetensors are read"
