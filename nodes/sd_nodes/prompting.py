"""From the conditionings of the graph to the prompts of a run over noise levels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast, final

from diffusers import SD3ControlNetModel, T2IAdapter

from graph_runtime import NodeError
from sd_nodes.control_loras import on_model
from sd_nodes.diffusion.adapter import Adapted, adapter_problem
from sd_nodes.diffusion.control import Control as Steering
from sd_nodes.diffusion.k.regions import Area, Prompt, Share, fitted_mask
from sd_nodes.drawing import sees_latents, takes_picture
from sd_nodes.imaging.masking import layers
from sd_nodes.joint_steering import joint_steering
from sd_nodes.latent_batches import spread
from sd_nodes.latent_edits import resized
from sd_nodes.telling import told

if TYPE_CHECKING:
    from contextlib import ExitStack

    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    from sd_nodes.beside import Beside
    from sd_nodes.diffusion.joint_control import JointControl
    from sd_nodes.tweaks import Tweaks
    from sd_nodes.types import Area as Place
    from sd_nodes.types import Condition, Conditioning, Control, Latent, Model
    from sd_nodes.weights import WeightStore


@final
@dataclass(frozen=True)
class Nets:
    """The ControlNets of a run: each is lent once, and equal ones on several prompts become one.

    Args:
        store: Lends them.
        model: The model that they steer.
        lent: Gives them back at the end of the run.
        made: Those that are ready.
    """

    store: WeightStore
    model: Model
    lent: ExitStack
    made: list[tuple[Control, Steering | JointControl | Adapted]] = field(default_factory=list)

    def ready(self, control: Control, unet: UNet2DConditionModel) -> Steering | JointControl | Adapted:
        """Return a ControlNet at work on a denoising network, with its own network."""
        for other, steering in self.made:
            if control.alike(other):
                return steering
        net = self.lent.enter_context(self.store.controlnet(on_model(control, self.model).net))
        made = self._made(control, net, unet)
        self.made.append((control, made))
        return made

    def _made(
        self, control: Control, net: torch.nn.Module, unet: UNet2DConditionModel
    ) -> Steering | JointControl | Adapted:
        if isinstance(net, SD3ControlNetModel):
            return joint_steering(control, net, unet, self.store, self.lent)
        if isinstance(net, T2IAdapter):
            return _adapted(control, net, unet, self.model.tweaks)
        return self._steering(control, cast("ControlNetModel", net))

    @staticmethod
    def _steering(control: Control, net: ControlNetModel) -> Steering:
        picture = control.picture[..., : net.config.conditioning_channels]
        return Steering(
            net, picture, control.strength, control.start, control.end, control.guess, control.mask,
            task=control.net.task,
        )  # fmt: skip


@final
@dataclass(frozen=True)
class Scene:
    """What prompts are made ready for.

    Args:
        unet: The network.
        latent: The latents that a run starts from.
        scale: What the autoencoder's latents are multiplied by for the network.
        nets: The ControlNets of the run.
        seed: The seed of the run.
        own: What the model has beside its network.
    """

    unet: UNet2DConditionModel
    latent: Latent
    scale: float
    nets: Nets
    seed: int = 0
    own: Beside | None = None

    def prompts(self, conditioning: Conditioning | None, negative: bool = False) -> tuple[Prompt, ...]:
        """Return what the network is told of a conditioning."""
        return tuple(self._prompt(one, negative) for one in conditioning.conditions) if conditioning else ()

    def _prompt(self, one: Condition, negative: bool) -> Prompt:
        return Prompt(
            told(one, self.unet, self.latent["samples"], negative, self.seed, self.own),
            area=_area(one.area),
            mask=one.mask,
            to_bounds=one.mask_bounds,
            strength=one.strength * (1.0 if one.mask is None else one.mask_strength),
            start=one.start,
            end=one.end,
            controls=tuple(self.nets.ready(each, self.unet) for each in one.controls if not (negative and each.guess)),
            shares_controls=one.shares_controls,
            beside=self._beside(one),
        )

    def _beside(self, one: Condition) -> torch.Tensor | None:
        """Return what the network sees beside its latents."""
        if takes_picture(self.unet):
            return self._inpainted(one)
        if not sees_latents(self.unet):
            return None
        samples = self.latent["samples"]
        if one.hole is None:
            return samples.new_zeros(1, *samples.shape[1:])
        return spread(self._fitted(one.hole.around["samples"]), len(samples))

    def _inpainted(self, one: Condition) -> torch.Tensor:
        """Join the mask and the latents that an inpainting model sees.

        Where it is told no others they are those of the run; without any mask, those of a grey picture.
        """
        import torch

        from sd_nodes.diffusion.latents import GREY

        samples = self.latent["samples"]
        size = (samples.shape[2], samples.shape[3])
        around = one.hole.around["samples"] if one.hole else samples
        if one.hole is None and "noise_mask" not in self.latent:
            around = torch.tensor(GREY).reshape(1, -1, 1, 1).expand(1, -1, *size) / self.scale
        whole = torch.ones(1, *size)
        if one.hole is not None and one.hole.mask is not None:
            fitted = self._fitted(layers(one.hole.mask)[:, None])
        else:
            fitted = fitted_mask(layers(self.latent.get("noise_mask", whole)), *size)[:, None]
        each = (spread(part, len(samples)) for part in (fitted.round(), self.scale * self._fitted(around)))
        return torch.cat(list(each), dim=1)

    def _fitted(self, items: torch.Tensor) -> torch.Tensor:
        """Scale what a network sees, `[batch, channel, height, width]`, to the latents, cut to their proportions."""
        samples = self.latent["samples"]
        if items.shape[2:] == samples.shape[2:]:
            return items
        return resized(items, samples.shape[3], samples.shape[2], "bilinear", crop=True)


def _adapted(control: Control, net: T2IAdapter, unet: UNet2DConditionModel, tweaks: Tweaks) -> Adapted:
    """Return a T2I adapter at work.

    Raises:
        NodeError: It was made for another network, or is asked for what it has not.
    """
    if control.mask is not None or control.guess:
        raise NodeError(f"“{control.net.source.name}” is a T2I adapter: those know neither masks nor guess mode.")
    if tweaks.shrinking is not None:
        message = f"“{control.net.source.name}” is a T2I adapter, which adds to features of their full size"
        raise NodeError(f"{message}; the model's are made smaller: leave PatchModelAddDownscale out.", input="model")
    if problem := adapter_problem(net, unet.config.block_out_channels):
        raise NodeError(f"“{control.net.source.name}”: {problem}")
    return Adapted(net, control.picture, control.strength, control.start, control.end)


def sharing_boxes(positive: Conditioning, other: Conditioning | None) -> Conditioning | None:
    """Bind the boxes of a prompt in what it is held against too, as node editors do.

    The prompts of the other side that are for the whole picture get them in turn, where none of them has boxes.

    Args:
        positive: What the picture should show.
        other: What it should not.
    """
    if other is None:
        return None
    given = [one.boxes for one in positive.conditions if one.boxes and _whole(one)]
    free = [number for number, one in enumerate(other.conditions) if _whole(one)]
    if not free or any(other.conditions[number].boxes for number in free):
        return other
    conditions = list(other.conditions)
    for turn, boxes in enumerate(given):
        number = free[turn % len(free)]
        conditions[number] = replace(conditions[number], boxes=boxes)
    return replace(other, conditions=tuple(conditions))


def _whole(one: Condition) -> bool:
    return one.area is None and not (one.mask is not None and one.mask_bounds)


def _area(place: Place | None) -> Area | Share | None:
    if place is None:
        return None
    if place.relative:
        return Share(place.height, place.width, place.y, place.x)
    return Area(int(place.height), int(place.width), int(place.y), int(place.x))
