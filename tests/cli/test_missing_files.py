"""Models that workflows lack: each is told where it is missed, and how to come by it once."""

from __future__ import annotations

import pytest

from .conftest import Cli

LACKS = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "some/model"}}}
FETCH = "controlgraph fetch some/model (or run with --fetch)."


@pytest.mark.parametrize("command", ["validate", "run", "explain"])
def test_what_several_workflows_lack_is_told_once_at_the_end(
    cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind all problems, with the number of workflows."""
    monkeypatch.setenv("HF_HUB_CACHE", str(cli.folder / "hub"))
    lone = {"1": {"class_type": "VAELoader", "inputs": {"vae_name": "sd\\good.safetensors"}}}
    files = cli.write("a.json", LACKS), cli.write("b.json", LACKS), cli.write("c.json", lone)
    found = cli(command, *files, "--to", "1")
    assert found.exit_code == 2
    assert found.stderr.count("There is no base model “some/model”") == 2
    assert found.stderr.count(FETCH) == 1
    assert found.stderr.splitlines()[-3:] == [
        "missing:",
        f"  some/model (in 2 workflows): Fetch it with: {FETCH}",
        "  sd\\good.safetensors: Put it into models/vae, or give --models the folder where it lies.",
    ]


def test_a_lone_workflow_tells_both_in_its_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(cli.folder / "hub"))
    twice = {**LACKS, "2": LACKS["1"]}
    found = cli("validate", cli.write("a.json", twice), "--to", "1", "--to", "2")
    assert found.stderr.count("There is no base model") == 1
    kind = "CheckpointLoaderSimple"
    assert f"  nodes 1 ({kind}), 2 ({kind}), input ckpt_name: There is no base model" in found.stderr
    assert found.stderr.splitlines()[-2:] == ["missing:", f"  some/model: Fetch it with: {FETCH}"]
