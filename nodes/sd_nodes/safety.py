"""Checks pictures before they are shown: hides those that a checker flags, and says in their files what it found."""

from __future__ import annotations

import json
from typing import Annotated, Literal, NamedTuple

from graph_runtime import SILENT, EditorDocument, Folders, NodeError, Progress, Prompt, Range, Shown, ShownFile, node
from sd_nodes.assets import NSFW, locate_asset, present
from sd_nodes.images import NO_DOCUMENT, NO_PROMPT, saved
from sd_nodes.picture_files import chunks_of
from sd_nodes.safety_reports import NEVER, Finding, SafetyReport, Treatment
from sd_nodes.types import Image, SafetyChecker
from sd_nodes.weights import WeightStore

Switch = Literal["on", "if fetched", "off"]


class Checked(NamedTuple):
    """Pictures that may be shown.

    Args:
        image: The pictures; flagged ones are hidden, unless they are only reported.
        flagged: Whether any of them was flagged.
        score: The highest score; 0 where there was no check.
        report: What was found, for Save Checked Image.
    """

    image: Image
    flagged: bool
    score: float
    report: SafetyReport


@node("Safety Check", category="image", resource="gpu", version=2)
def safety_check(
    image: Image,
    checker: SafetyChecker | None,
    hide: Treatment = "black",
    check: Literal["on", "off"] = "on",
    *,
    store: WeightStore,
    progress: Progress = SILENT,
) -> Checked:
    """Look at pictures with Stable Diffusion's safety checker and hide those that it flags.

    Args:
        image: The pictures.
        checker: The safety checker, of a base model or by itself. Its score is how much more a picture is like one of
            its concepts than is allowed: over 0 it is flagged.
        hide: Make a flagged picture black, or blur it until only patches of colour are left, or only report it.
        check: Whether the pictures are checked at all.
    """
    from sd_nodes.diffusion.safety import margins

    if check == "off":
        return _unchecked(image, "it is switched off")
    if checker is None:
        raise NodeError("the base model comes without a safety checker: load one by itself.", input="checker")
    with store.safety(checker) as (processor, module):
        for note in store.notes(checker):
            progress.say(note, once=True)
        scores = margins(image[..., :3], module, processor)
    found = (Finding(checker.source.name, checker.source.digest, 0.0, score, hide) for score in scores)
    return _checked(image, SafetyReport(tuple(found)), hide, progress)


def nsfw_digest(check: Switch, folders: Folders) -> str:
    """Return what changes whenever the network that looks, or whether it looks, does.

    Raises:
        NodeError: It is switched on and its file has not been fetched, or is damaged.
    """
    if check == "off" or (check == "if fetched" and not present(NSFW, folders)):
        return ""
    locate_asset(NSFW, folders)
    return NSFW.digest


@node("Safety Check (open_nsfw)", category="image", id="NsfwCheck", fingerprint=nsfw_digest)
def nsfw_check(
    image: Image,
    hide: Treatment = "blurred",
    check: Switch = "on",
    threshold: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.8,
    *,
    folders: Folders,
    progress: Progress = SILENT,
) -> Checked:
    """Look at pictures with Yahoo's open_nsfw, which works with any model, and hide those that it flags.

    It knows pornography only, and is no judge of anything else. Fetch it once: `controlgraph fetch nsfw`.

    Args:
        image: The pictures.
        hide: Make a flagged picture black, or blur it until only patches of colour are left, or only report it.
        check: Whether the pictures are checked: always, or where the network has been fetched, or not at all.
        threshold: The score above which a picture is flagged. Its authors call pictures under 0.2 safe and those over
            0.8 not safe; between both it is not sure.
    """
    from sd_nodes.annotators.open_nsfw import unsafe

    if check == "off":
        return _unchecked(image, "it is switched off")
    if check == "if fetched" and not present(NSFW, folders):
        progress.say(f"the pictures are not checked: fetch open_nsfw once with {NSFW.command}")
        return _unchecked(image, "open_nsfw is not fetched")
    (path,) = locate_asset(NSFW, folders)
    looks = unsafe(image, path)
    found = (Finding("open_nsfw", NSFW.digest, threshold, next(looks), hide) for _ in progress.track(image))
    return _checked(image, SafetyReport(tuple(found)), hide, progress)


@node("Join Safety Reports", category="image")
def join_safety_reports(
    report_1: SafetyReport,
    report_2: SafetyReport,
    report_3: SafetyReport | None = None,
    report_4: SafetyReport | None = None,
) -> SafetyReport:
    """Put the reports of several safety checks one behind the other, for a sheet of all their pictures.

    Args:
        report_1: The first report.
        report_2: The second one.
        report_3: The third one.
        report_4: The fourth one.

    Returns:
        report: What was found in all of their pictures.
    """
    reports = [one for one in (report_1, report_2, report_3, report_4) if one is not None]
    return SafetyReport(tuple(finding for one in reports for finding in one.findings))


@node("Save Checked Image", category="image", resource="io")
def save_checked_image(
    images: Image,
    report: SafetyReport | None = None,
    filename_prefix: str = "ControlGraph",
    *,
    folders: Folders,
    prompt: Prompt = NO_PROMPT,
    document: EditorDocument = NO_DOCUMENT,
    progress: Progress = SILENT,
) -> Shown[None]:
    """Save pictures as PNG files in the output folder, each with its workflow and with what a safety check found.

    The finding stands under the keyword `safety`, as JSON: whether and by what the picture was checked, its score,
    whether it is flagged, and whether it is hidden.

    Args:
        images: The pictures, or one sheet that they are put together on.
        report: What a safety check found; without it the files say that they were not checked.
        filename_prefix: What the names begin with, as for Save Image.
    """
    entries = (report or SafetyReport((NEVER,) * len(images))).entries(len(images))
    texts = [{**chunks_of(prompt, document), "safety": json.dumps(entry)} for entry in entries]
    paths = saved(images, folders.output, filename_prefix, texts, 4, progress)
    return Shown(tuple(ShownFile(path, "output") for path in paths))


def _unchecked(image: Image, reason: str) -> Checked:
    return Checked(image, False, 0.0, SafetyReport((Finding(reason=reason),) * len(image)))


def _checked(image: Image, report: SafetyReport, hide: Treatment, progress: Progress) -> Checked:
    from sd_nodes.diffusion.safety import hide as hidden

    flags = list(report.flags)
    score = max(report.scores, default=0.0)
    if not any(flags):
        return Checked(image, False, score, report)
    found = f"{sum(flags)} of {len(flags)} pictures"
    if hide == "report":
        progress.say(f"{found} are flagged by the safety checker, and shown as they are")
        return Checked(image, True, score, report)
    progress.say(f"{found} are hidden: the safety checker flagged them")
    return Checked(Image(hidden(image, flags, hide)), True, score, report)
