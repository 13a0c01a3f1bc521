"""Tensors and arrays: every dtype and shape, in the bits and the layout that they had."""

import subprocess
import sys
from pathlib import Path
from random import Random

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load

from graph_runtime.cache.codec import digest, encode
from graph_runtime.cache.tensors import Unstorable
from tests.engine.cache.test_codec import again

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
    torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu, torch.int64, torch.int32, torch.int16,
    torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool, torch.complex64, torch.complex128,
]  # fmt: skip
SHAPES = st.lists(st.integers(0, 4), max_size=4)


def bits(tensor: torch.Tensor) -> bytes:
    """The content, whatever the numbers mean."""
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())


def made(dtype: torch.dtype, shape: list[int], seed: int) -> torch.Tensor:
    """Make a tensor of random bits; for truth values of zeros and ones."""
    count = int(numpy.prod(shape)) * dtype.itemsize
    if not count:
        return torch.empty(shape, dtype=dtype)
    high = 2 if dtype == torch.bool else 256
    drawn = numpy.random.default_rng(seed).integers(0, high, count, dtype=numpy.uint8)
    return torch.from_numpy(drawn).view(dtype).reshape(shape)


@given(st.sampled_from(DTYPES), SHAPES, st.integers(0, 99), st.randoms())
@settings(deadline=None)
def test_every_tensor_comes_back(dtype: torch.dtype, shape: list[int], seed: int, random: Random) -> None:
    """Bits, dtype and shape; axes in any order."""
    axes = list(range(len(shape)))
    random.shuffle(axes)
    tensor = made(dtype, shape, seed).permute(axes)
    found = again(tensor)
    assert isinstance(found, torch.Tensor)
    assert (found.dtype, found.shape, bits(found)) == (tensor.dtype, tensor.shape, bits(tensor))
    assert lengthy_strides(found) == lengthy_strides(tensor)


def lengthy_strides(tensor: torch.Tensor) -> list[int]:
    """The strides that count: those of axes with more than one item."""
    pairs = zip(tensor.stride(), tensor.shape, strict=True)
    return [stride for stride, length in pairs if length > 1 and tensor.numel()]


def test_gaps_are_not_written() -> None:
    """A slice of a large tensor takes up its own bytes, and an expanded one its full ones."""
    whole = torch.arange(10_000.0).reshape(100, 100)
    _, (blob,) = encode(whole[:, :3], {})
    assert blob.size < 100 * 3 * 4 + 200
    for tensor in (whole[:, :3], whole[::2, ::3], torch.ones(3, 1).expand(3, 4)):
        found = again(tensor)
        assert isinstance(found, torch.Tensor) and torch.equal(found, tensor) and found.is_contiguous()


def test_channels_last_stays() -> None:
    """Convolutions give other bits for another layout, so a hit has the layout of a fresh run."""
    tensor = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    found = again(tensor)
    assert isinstance(found, torch.Tensor)
    assert found.is_contiguous(memory_format=torch.channels_last) and torch.equal(found, tensor)


def test_a_tensor_that_appears_twice_is_one_tensor_again() -> None:
    """Within one result."""
    tensor = torch.ones(3)
    found = again([tensor, tensor])
    assert isinstance(found, list) and found[0] is found[1]
    _, blobs = encode([tensor, tensor], {})
    assert len(blobs) == 1


def test_the_blob_is_a_safetensors_file() -> None:
    """Any reader of the format opens it."""
    tensor = torch.randn(3, 5).to(torch.bfloat16)
    _, (blob,) = encode(tensor, {})
    assert torch.equal(load(blob.joined())["tensor"], tensor)


def test_what_comes_back_may_be_written_to() -> None:
    """As what a fresh run gives."""
    tensor, array = again(torch.zeros(3)), again(numpy.zeros(3))
    assert isinstance(tensor, torch.Tensor) and isinstance(array, numpy.ndarray)
    tensor += 1
    array += 1


def test_conjugate_and_negative_views_come_back() -> None:
    """They are marks on a tensor, not in its bytes."""
    tensor = torch.randn(3, dtype=torch.complex64)
    for view in (tensor.conj(), tensor.conj().imag):
        found = again(view)
        assert isinstance(found, torch.Tensor) and torch.equal(found, view)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, requires_grad=True), torch.ones(2, 2).to_sparse(), torch.empty(3, device="meta"),
        torch.nn.Parameter(torch.ones(3)), torch.float32, torch.Size([1]), torch.nn.Linear(1, 1),
    ],
    ids=["gradients", "sparse", "meta", "parameter", "dtype", "size", "module"],
)  # fmt: skip
def test_what_is_no_plain_tensor_is_refused(tensor: object) -> None:
    """It would come back as something else."""
    with pytest.raises(Unstorable):
        encode(tensor, {})


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(6.0).reshape(2, 3), numpy.arange(6).reshape(2, 3).T, numpy.asfortranarray(numpy.ones((2, 3, 4))),
        numpy.array(5), numpy.zeros((0, 3)), numpy.array([1, 2], ">i4"), numpy.array(["é", "ab"]), numpy.array([b"a"]),
        numpy.array(["2020-01-01"], "M8[D]"), numpy.array([True]), numpy.array([1j]), numpy.arange(9)[::-2],
        numpy.broadcast_to(numpy.arange(3), (2, 3)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)  # fmt: skip
def test_every_array_comes_back(array: "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]") -> None:
    """Any dtype that is its bytes, in either order of axes."""
    found = again(array)
    assert isinstance(found, numpy.ndarray)
    assert found.dtype == array.dtype and found.shape == array.shape and numpy.array_equal(found, array)
    assert found.flags.f_contiguous or not array.flags.f_contiguous


def test_single_numbers_of_numpy_come_back() -> None:
    """Nodes often give them without meaning to."""
    for number in (numpy.float32(1.5), numpy.float64(-0.0), numpy.int64(3), numpy.bool_(True)):
        found = again([number])[0]  # type: ignore[index]  # a list came back
        assert type(found) is type(number) and found.tobytes() == number.tobytes()


@pytest.mark.parametrize("array", [numpy.array([object()]), numpy.zeros(2, "i4,f4")], ids=["objects", "records"])
def test_arrays_of_more_than_numbers_are_refused(array: object) -> None:
    """Objects would need a pickle."""
    with pytest.raises(Unstorable):
        encode(array, {})


def test_equal_content_has_an_equal_digest() -> None:
    """Layout in memory and sharing do not count; dtype, shape and bits do."""
    tensor = torch.randn(2, 3, 4, 5)
    other = tensor.clone()
    assert digest([tensor, tensor]) == digest([tensor, other])
    assert (
        digest(tensor)
        == digest(tensor.to(memory_format=torch.channels_last))
        == digest(torch.cat([tensor, tensor])[:2])
    )
    other[0, 0, 0, 0] += 1
    different = [tensor, other, tensor.double(), tensor.reshape(2, 3, 20), tensor.numpy()]
    assert len({digest(each) for each in different}) == len(different)


def test_plain_values_have_digests_that_tell_types_apart() -> None:
    """As keys do."""
    values = [1, 1.0, True, "1", b"1", None, 0, 0.0, -0.0, False, [], (), {}, "", b"", [[]], [()], Path("1"), {"a": 1}]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a": [1, (2.5, "x")]}) == digest({"a": [1, (2.5, "x")]})
    assert digest(object()) is None and digest([lambda: 0]) is None


def test_plain_values_need_no_torch() -> None:
    """Neither importing the cache nor keeping a text brings it in."""
    code = (
        "import sys, tempfile, pathlib\n"
        "from graph_runtime.cache import *\n"
        "from graph_runtime.results import Result\n"
        "cache = DiskCache(pathlib.Path(tempfile.mkdtemp()), 1 << 20)\n"
        "cache.put('a', Result(('text', 1))); cache.flush(); assert cache.get('a')\n"
        "MemoryCache(9999).put('a', Result(('text',))); digest([1])\n"
        "assert not {'torch', 'numpy', 'safetensors'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
