"""Headers of safetensors files: what is read, and what broken files are told."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from graph_runtime import NodeError
from sd_nodes.headers import Tensor, read_header


def test_a_header_is_read_without_the_weights(tmp_path: Path) -> None:
    """Names, dtypes and shapes are as they were saved; the metadata is no tensor."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(save({"x": torch.zeros(2, 3).half(), "y": torch.zeros(4, dtype=torch.int64)}, {"format": "pt"}))
    header = read_header(path)
    assert header == {"x": Tensor("F16", (2, 3)), "y": Tensor("I64", (4,))}
    assert (header["x"].parameters, header["x"].bytes, header["y"].bytes) == (6, 12, 32)


ENDLESS = b'{"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 1e999]}}'
BROKEN = {
    "empty": (b"", "does not begin"),
    "text": (b"this is a text and no weights", "does not begin"),
    "cut in the header": (save({"x": torch.zeros(4)})[:20], "cut short"),
    "cut in the weights": (save({"x": torch.zeros(4)})[:-1], "cut short"),
    "no JSON": ((5).to_bytes(8, "little") + b"{nope", "not JSON"),
    "a list": ((2).to_bytes(8, "little") + b"[]", "no table|not a table"),
    "nested deep": ((200_000).to_bytes(8, "little") + b"[" * 200_000, "not JSON"),
    "no shape": ((14).to_bytes(8, "little") + b'{"a": {"b":1}}', "no dtype, shape or offsets"),
    "an endless offset": (len(ENDLESS).to_bytes(8, "little") + ENDLESS, "no dtype, shape or offsets"),
    "a pickle of PyTorch": (b"PK\x03\x04" + b"\0\0\x08\x08" * 9, "it is a pickle of PyTorch, whatever its name says"),
    "GGUF": (b"GGUF" + b"\3\0\0\0" * 9, "it is a GGUF file"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "git lfs pull"),
    "a web page": (b"\n<!DOCTYPE html><html><head>", "it is a web page; the download went wrong"),
    "an answer": (b'{"error": "please log in"}', "it is a text, such as JSON"),
    "a number": ((8).to_bytes(8, "little") + b'{"a": 1}', "no dtype, shape or offsets"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_its_fault(tmp_path: Path, content: bytes, message: str) -> None:
    """The message names the file and says what is wrong."""
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(NodeError, match=message) as error:
        read_header(path)
    assert str(path) in str(error.value)


@given(
    st.binary(max_size=200) | st.recursive(st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_no_bytes_make_it_crash(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever stands in the header, the answer is a header or a sentence."""
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    try:
        read_header(path)
    except NodeError as error:
        assert str(path) in str(error)
