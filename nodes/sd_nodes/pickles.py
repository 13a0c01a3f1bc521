"""Weight files that are not opened: how they are told, and why."""

from __future__ import annotations

PICKLES = {".ckpt", ".bin", ".pt", ".pth", ".pkl"}
PICKLE_REASON = "a pickle can run any program when it is opened, so only safetensors are read"

OTHERS = {
    ".gguf": "GGUF holds quantised weights in a layout of its own; only safetensors are read",
    ".onnx": "ONNX holds a program with its weights; only safetensors are read",
    ".msgpack": "it holds weights for Flax; only safetensors are read",
    ".h5": "it holds weights for Keras; only safetensors are read",
    ".engine": "TensorRT engines run on one kind of GPU; only safetensors are read",
    ".trt": "TensorRT engines run on one kind of GPU; only safetensors are read",
}
"""The endings of other formats of weights, and why they are not read."""

UNREAD = {**dict.fromkeys(sorted(PICKLES), PICKLE_REASON), **OTHERS}

SIGNS = {
    b"PK\x03\x04": f"it is a pickle of PyTorch, whatever its name says; {PICKLE_REASON}",
    b"\x80\x02": f"it is a pickle, whatever its name says; {PICKLE_REASON}",
    b"GGUF": f"it is a GGUF file, whatever its name says; {OTHERS['.gguf']}",
    b"version https://git-lfs": "it is a pointer of git-lfs to the file; fetch the file itself, with git lfs pull",
    b"<": "it is a web page; the download went wrong, so download it again",
    b"{": "it is a text, such as JSON; the download went wrong, so download it again",
}
"""How files begin that are no safetensors files, and what to say of them."""


def looks_like(beginning: bytes) -> str:
    """Say what a file is by its first bytes; empty where they tell nothing."""
    plain = beginning.lstrip(b"\xef\xbb\xbf \r\n\t")
    return next((told for sign, told in SIGNS.items() if plain.startswith(sign)), "")
