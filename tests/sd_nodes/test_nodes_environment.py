"""What surrounds each call of a node, and what results depend on beside its inputs."""

import pytest
import torch

from graph_runtime import NodeError
from sd_nodes import LIBRARY
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.environment import around, environment


@pytest.mark.parametrize(("node", "inference"), [("Sampler", True), ("CannyEdges", True), ("SaveImage", False)])
def test_nodes_that_compute_do_so_without_gradients(node, inference):
    with around(LIBRARY[node]):
        assert torch.is_inference_mode_enabled() is inference
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("node", ["Sampler", "LoadBaseModel"])
def test_a_setting_that_does_not_fit_is_a_problem_of_the_node(node):
    with pytest.raises(NodeError, match="three of them"), around(LIBRARY[node]):
        raise SettingError("three of them")


def test_too_little_memory_is_told_with_ways_out():
    with pytest.raises(NodeError, match="Model Offload"), around(LIBRARY["Sampler"]):
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_other_kernels_are_another_environment(monkeypatch):
    before = environment()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert environment() != before
