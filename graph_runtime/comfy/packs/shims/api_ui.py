"""`comfy_api.latest.ui`: what newer nodes show in the editor, and the files they save for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..sounds import encoded
from . import folder_paths
from .api_io import FolderType

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.PngImagePlugin import PngInfo

_TEMP = "preview"


class SavedResult(dict[str, Any]):
    """A file that was saved, as the editor names it."""

    def __init__(self, filename: str, subfolder: str, type: FolderType) -> None:
        super().__init__(filename=filename, subfolder=subfolder, type=FolderType(type).value)

    filename = property(lambda self: self["filename"])
    subfolder = property(lambda self: self["subfolder"])
    type = property(lambda self: FolderType(self["type"]))


class _UIOutput:
    """Something for the editor to show: lists by what the editor calls them."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.values = dict(values or {})

    def as_dict(self) -> dict[str, Any]:
        """Lists by what the editor calls them."""
        return self.values


class SavedImages(_UIOutput):
    """Pictures that were saved."""

    def __init__(self, results: list[SavedResult], is_animated: bool = False) -> None:
        super().__init__({"images": results, **({"animated": (True,)} if is_animated else {})})


class SavedAudios(_UIOutput):
    """Sounds that were saved."""

    def __init__(self, results: list[SavedResult]) -> None:
        super().__init__({"audio": results})


def _drawn(images: Any) -> Iterator[Image]:
    """Pictures of Pillow's from `[batch, height, width, channel]`, cut off to whole bytes as ComfyUI does."""
    import numpy
    from PIL import Image

    for picture in images:
        yield Image.fromarray(numpy.clip(255.0 * picture.cpu().numpy(), 0, 255).astype(numpy.uint8))


def _texts(cls: Any) -> dict[str, str]:
    """The texts that a saved picture carries: what the node was given of the workflow."""
    hidden = getattr(cls, "hidden", None)
    prompt, more = getattr(hidden, "prompt", None), getattr(hidden, "extra_pnginfo", None) or {}
    return {name: json.dumps(value) for name, value in {"prompt": prompt, **more}.items() if value}


def _chunks(cls: Any) -> PngInfo:
    from PIL.PngImagePlugin import PngInfo

    found = PngInfo()
    for name, text in _texts(cls).items():
        found.add_text(name, text)
    return found


def _next(prefix: str, kind: FolderType, width: int = 0, height: int = 0) -> tuple[Path, str, int, str]:
    """The folder, the name before the number, the next free number, and the folder below the kind's own."""
    root = folder_paths.get_directory_by_type(FolderType(kind).value)
    assert root is not None
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, root, width, height)
    return Path(folder), name, counter, subfolder


class ImageSaveHelper:
    """Saves pictures, `[batch, height, width, channel]`, with the workflow that the node was given."""

    @staticmethod
    def save_images(
        images: Any, filename_prefix: str, folder_type: FolderType, cls: Any, compress_level: int = 4
    ) -> list[SavedResult]:
        """Save each as PNG."""
        folder, name, counter, subfolder = _next(filename_prefix, folder_type, images.shape[2], images.shape[1])
        saved = []
        for place, picture in enumerate(_drawn(images)):
            file = f"{name.replace('%batch_num%', str(place))}_{counter + place:05}_.png"
            picture.save(folder / file, pnginfo=_chunks(cls), compress_level=compress_level)
            saved.append(SavedResult(file, subfolder, folder_type))
        return saved

    @staticmethod
    def get_save_images_ui(images: Any, filename_prefix: str, cls: Any, compress_level: int = 4) -> SavedImages:
        """Save each as PNG among the results, and show them."""
        return SavedImages(ImageSaveHelper.save_images(images, filename_prefix, FolderType.output, cls, compress_level))

    @staticmethod
    def save_animated_png(
        images: Any, filename_prefix: str, folder_type: FolderType, cls: Any, fps: float, compress_level: int
    ) -> SavedResult:
        """Save all as one moving PNG."""
        said = {"pnginfo": _chunks(cls), "compress_level": compress_level}
        return _animated(images, filename_prefix, folder_type, "png", fps, said)

    @staticmethod
    def get_save_animated_png_ui(
        images: Any, filename_prefix: str, cls: Any, fps: float, compress_level: int
    ) -> SavedImages:
        """Save all as one moving PNG among the results, and show it."""
        one = ImageSaveHelper.save_animated_png(images, filename_prefix, FolderType.output, cls, fps, compress_level)
        return SavedImages([one], len(images) > 1)

    @staticmethod
    def save_animated_webp(
        images: Any, filename_prefix: str, folder_type: FolderType, cls: Any, fps: float, lossless: bool, quality: int,
        method: int,
    ) -> SavedResult:  # fmt: skip
        """Save all as one moving WebP."""
        said: dict[str, Any] = {"lossless": lossless, "quality": quality, "method": method}
        if texts := _texts(cls):
            from PIL import Image

            exif = Image.Exif()
            tags = [0x0110, *range(0x010F, 0x00FF, -1)]
            exif.update({tag: f"{name}:{text}" for tag, (name, text) in zip(tags, texts.items(), strict=False)})
            said["exif"] = exif
        return _animated(images, filename_prefix, folder_type, "webp", fps, said)

    @staticmethod
    def get_save_animated_webp_ui(
        images: Any, filename_prefix: str, cls: Any, fps: float, lossless: bool, quality: int, method: int
    ) -> SavedImages:
        """Save all as one moving WebP among the results, and show it."""
        one = ImageSaveHelper.save_animated_webp(
            images, filename_prefix, FolderType.output, cls, fps, lossless, quality, method
        )
        return SavedImages([one], len(images) > 1)


def _animated(
    images: Any, prefix: str, kind: FolderType, suffix: str, fps: float, said: Mapping[str, Any]
) -> SavedResult:
    folder, name, counter, subfolder = _next(prefix, kind, images.shape[2], images.shape[1])
    first, *rest = _drawn(images)
    file = f"{name}_{counter:05}_.{suffix}"
    first.save(folder / file, save_all=True, append_images=rest, duration=int(1000.0 / fps), **said)
    return SavedResult(file, subfolder, kind)


class AudioSaveHelper:
    """Saves sounds: `waveform`, `[batch, channel, sample]` from -1 to 1, and `sample_rate`."""

    @staticmethod
    def save_audio(
        audio: Mapping[str, Any], filename_prefix: str, folder_type: FolderType, cls: Any = None, format: str = "flac",
        quality: str = "128k",
    ) -> list[SavedResult]:  # fmt: skip
        """Save each: as FLAC or WAV, or as MP3 or Opus where PyAV is installed."""
        folder, name, counter, subfolder = _next(filename_prefix, folder_type)
        saved = []
        for place, samples in enumerate(audio["waveform"]):
            file = f"{name.replace('%batch_num%', str(place))}_{counter + place:05}_.{format}"
            data = encoded(samples, int(audio["sample_rate"]), format, quality, _texts(cls))
            (folder / file).write_bytes(data)
            saved.append(SavedResult(file, subfolder, folder_type))
        return saved

    @staticmethod
    def get_save_audio_ui(
        audio: Mapping[str, Any], filename_prefix: str, cls: Any, format: str = "flac", quality: str = "128k"
    ) -> SavedAudios:
        """Save each among the results, and show them."""
        return SavedAudios(AudioSaveHelper.save_audio(audio, filename_prefix, FolderType.output, cls, format, quality))


class PreviewImage(_UIOutput):
    """Pictures, `[batch, height, width, channel]`, shown and not kept."""

    def __init__(self, image: Any, animated: bool = False, cls: Any = None, **_: object) -> None:
        saved = ImageSaveHelper.save_images(image, _TEMP, FolderType.temp, None, 1)
        super().__init__({"images": saved, "animated": (animated,)})


class PreviewMask(PreviewImage):
    """Masks, `[batch, height, width]`, shown in grey."""

    def __init__(self, mask: Any, animated: bool = False, cls: Any = None, **_: object) -> None:
        grey = mask.reshape(-1, mask.shape[-2], mask.shape[-1], 1).expand(-1, -1, -1, 3)
        super().__init__(grey, animated, cls)


class PreviewAudio(_UIOutput):
    """Sounds, shown and not kept."""

    def __init__(self, audio: Mapping[str, Any], cls: Any = None, **_: object) -> None:
        super().__init__({"audio": AudioSaveHelper.save_audio(audio, _TEMP, FolderType.temp)})


class PreviewVideo(_UIOutput):
    """Films that lie in one of the folders."""

    def __init__(self, values: Iterable[Mapping[str, Any]], **_: object) -> None:
        super().__init__({"images": list(values), "animated": (True,)})


class PreviewUI3D(_UIOutput):
    """A model in space: its file, and where it is seen from."""

    def __init__(self, model_file: str, camera_info: Any, **more: Any) -> None:
        behind = more.get("bg_image")
        saved = None
        if behind is not None:
            (one,) = ImageSaveHelper.save_images(behind[:1], "bg", FolderType.temp, None, 1)
            saved = f"temp/{one['filename']}"
        super().__init__({"result": [model_file, camera_info, saved]})


class PreviewUI3DAdvanced(_UIOutput):
    """A model in space with how it stands there."""

    def __init__(
        self, model_file: str, camera_info: Any, model_3d_info: Any, folder_type: FolderType | None = None,
        saved_result: SavedResult | None = None,
    ) -> None:  # fmt: skip
        file = model_file if folder_type is None else f"{model_file} [{FolderType(folder_type).value}]"
        more = {} if saved_result is None else {"3d": [saved_result]}
        super().__init__({"result": [file, camera_info, model_3d_info], **more})


class PreviewText(_UIOutput):
    """A text."""

    def __init__(self, value: str, **_: object) -> None:
        super().__init__({"text": (value,)})
