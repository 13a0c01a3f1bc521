"""What is predicted in each step of a run: by the UNet with its ControlNets, for each side of the guidance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from sd_nodes.diffusion.condition import Condition
from sd_nodes.diffusion.control import Conditioned, Control, Residuals, control_problems, prepare, total
from sd_nodes.diffusion.errors import SettingError
from sd_nodes.diffusion.guidance import Guidance, Mixing, Sides
from sd_nodes.diffusion.joint_control import JointConditioned, JointControl, joint_problems
from sd_nodes.diffusion.mmdit import Mmdit, identity
from sd_nodes.diffusion.perturbed import with_perturbed_attention
from sd_nodes.diffusion.replaying import Replayer, directly
from sd_nodes.diffusion.reusing import Reuse, Reusing
from sd_nodes.diffusion.reusing import problems as reuse_problems
from sd_nodes.diffusion.schedulers import Scheduler


@dataclass(frozen=True)
class Sampling:
    """What a run consists of, beside where it starts.

    Args:
        unet: The model that predicts the noise.
        scheduler: How the predictions become steps.
        guidance: The prompts and how far they are followed.
        steps: How many steps the whole way from noise takes, from 1.
        controls: The ControlNets with their pictures.
        beside: What an inpainting UNet sees beside the latents, [batch, 1 + channel, height, width]: the mask, and the
            latents of the picture without what is masked.
        start: The part of the noise that is gone before the run; `resume` goes on from there.
        end: The part of the noise that is gone after the run; the rest of it stays.
        replayer: Computes the steps: each anew, or as a replay of the first.
        weaker: A worse model of the same kind, whose prediction for the prompt stands in for that for the negative one
            (arXiv:2406.02507).
        reuse: How often all of the network is computed; None for each step. Steps are not recorded then.
    """

    unet: UNet2DConditionModel
    scheduler: Scheduler
    guidance: Guidance
    steps: int
    controls: Sequence[Control | JointControl] = ()
    beside: Tensor | None = None
    start: float = 0.0
    end: float = 1.0
    replayer: Replayer = directly
    weaker: UNet2DConditionModel | None = None
    reuse: Reuse | None = None

    def mixing(self) -> Mixing:
        """Begins a run's guidance; a UNet that is told the scale has no use for any."""
        return self.guidance.mixing(able=self.unet.config.time_cond_proj_dim is None)


@dataclass(frozen=True)
class _Batch:
    """What is the same in all steps with the same sides, computed once.

    Args:
        sides: What is mixed.
        told: What the network predicts: beside a weaker model there is no negative prompt.
        unet: The network, disturbed in the last part of the batch if there is such a side.
        condition: What it is told.
        controls: The ControlNets.
    """

    sides: Sides
    told: Sides
    unet: UNet2DConditionModel
    condition: Condition
    controls: list[Conditioned | JointConditioned]

    @classmethod
    def of(
        cls, sampling: Sampling, sides: Sides, latents: Tensor, acting: Sequence[Control | JointControl]
    ) -> "_Batch":
        told = sides if sampling.weaker is None else replace(sides, negative=False)
        way, layers = sampling.guidance.way, sampling.guidance.layers
        unet = with_perturbed_attention(sampling.unet, told.count, way, layers) if told.disturbed else sampling.unet
        condition = sampling.guidance.batch(len(latents), told).to(latents.device, unet.dtype)
        return cls(sides, told, unet, condition, [_prepared(one, latents.shape, told) for one in acting])

    def tensors(self, acting: Sequence[Conditioned | JointConditioned]) -> Iterator[Tensor]:
        """What is read in a step and differs between runs that compute alike, beside latents and timestep."""
        yield self.condition.states
        yield from self.condition.added.values()
        for one in acting:
            yield from one.tensors()


@dataclass(frozen=True)
class Predictor:
    """Predicts the guided noise in latents."""

    sampling: Sampling
    mixing: Mixing
    batches: Sequence[_Batch]
    told_scale: Tensor | None
    reusing: Reusing | None

    @classmethod
    def of(cls, sampling: Sampling, latents: Tensor, steps: int) -> "Predictor":
        """Prepare what all steps share: the batches of the prompts' halves, and the ControlNets that act in any step.

        Args:
            sampling: What is sampled with.
            latents: What it starts from, `[batch, channels, height, width]`.
            steps: How many steps there are.

        Raises:
            SettingError: The settings do not fit the network or each other; names each problem.
        """
        guidance, mixing = sampling.guidance, sampling.mixing()
        sides = [Sides(mixing.guided(step, steps), guidance.disturbs(step, steps)) for step in range(steps)]
        problems = _problems(sampling, guidance.batch(len(latents), max(sides, key=lambda one: one.count)), latents)
        if problems:
            raise SettingError("\n".join(problems))
        acting = [one for one in sampling.controls if any(one.acts_at(index, steps) for index in range(steps))]
        batches = {one: _Batch.of(sampling, one, latents, acting) for one in dict.fromkeys(sides)}
        told_scale = _told_scale(sampling.unet, guidance.scale, latents)
        reusing = None if sampling.reuse is None else Reusing(sampling.reuse)
        return cls(sampling, mixing, [batches[one] for one in sides], told_scale, reusing)

    def __call__(self, latents: Tensor, timestep: Tensor, index: int, steps: int) -> Tensor:
        batch = self.batches[index]
        seen = torch.cat([latents] * batch.told.count) if batch.told.count > 1 else latents
        acting = [one for one in batch.controls if one.control.acts_at(index, steps)]
        if self.reusing is not None:
            prediction = self._reused(self.reusing, batch, acting, index, seen, timestep)
        else:
            prediction = self._replayed(batch, acting, seen, timestep)
        return self.sampling.guidance.mix(self.mixing, index, steps, batch.sides, prediction)

    def _replayed(
        self, batch: _Batch, acting: Sequence[Conditioned | JointConditioned], seen: Tensor, timestep: Tensor
    ) -> Tensor:
        """Computes a step anew, or by a recording."""
        weaker = self.sampling.weaker
        networks = (identity(self.sampling.unet), weaker and identity(weaker))
        guidance = self.sampling.guidance
        key = (*networks, batch.sides, guidance.way, guidance.layers, *(one.key for one in acting))
        given = [one for one in (self.told_scale, self.sampling.beside) if one is not None]
        told = (*batch.tensors(acting), *given)
        compute = partial(self._predicted, batch, acting)
        return self.sampling.replayer(key, compute, seen, timestep, told)

    def _reused(
        self,
        reusing: Reusing,
        batch: _Batch,
        acting: Sequence[Conditioned | JointConditioned],
        index: int,
        seen: Tensor,
        timestep: Tensor,
    ) -> Tensor:
        """Computes a step with deep features of an earlier one, as far as those are not too old."""
        return reusing(
            batch.unet,
            (batch.sides, *map(id, acting)),
            index,
            lambda: total(one.residuals(seen, timestep, batch.condition) for one in acting),
            lambda unet, residuals: self._by(unet, batch, residuals, seen, timestep),
        )

    def _predicted(
        self, batch: _Batch, acting: Sequence[Conditioned | JointConditioned], seen: Tensor, timestep: Tensor
    ) -> Tensor:
        """Computes the UNet with the ControlNets that act, and before it a weaker one where that guides."""
        residuals = total(one.residuals(seen, timestep, batch.condition) for one in acting)
        weaker = self.sampling.weaker if batch.sides.negative else None
        predicted = self._by(batch.unet, batch, residuals, seen, timestep)
        if weaker is None:
            return predicted
        return torch.cat([self._by(weaker, batch, residuals, seen, timestep), predicted])

    def _by(
        self, unet: UNet2DConditionModel, batch: _Batch, residuals: Residuals | None, seen: Tensor, timestep: Tensor
    ) -> Tensor:
        condition = batch.condition
        prediction: Tensor = unet(
            self._with_picture(seen),
            timestep,
            encoder_hidden_states=condition.states,
            timestep_cond=None if self.told_scale is None else self.told_scale.repeat(batch.told.count, 1),
            down_block_additional_residuals=None if residuals is None else residuals.down,
            mid_block_additional_residual=None if residuals is None else residuals.mid,
            added_cond_kwargs=dict(condition.added),
            return_dict=False,
        )[0]
        return prediction

    def _with_picture(self, seen: Tensor) -> Tensor:
        """Adds the channels in which an inpainting UNet sees the picture."""
        beside = self.sampling.beside
        return seen if beside is None else torch.cat([seen, beside.repeat(len(seen) // len(beside), 1, 1, 1)], dim=1)


def _prepared(control: Control | JointControl, latents: torch.Size, told: Sides) -> Conditioned | JointConditioned:
    return (
        control.prepared_each(latents, told) if isinstance(control, JointControl) else prepare(control, latents, told)
    )


def _problems(sampling: Sampling, condition: Condition, drawn: Tensor) -> list[str]:
    """Everything that does not fit, before anything heavy runs."""
    config, width = sampling.unet.config, condition.states.shape[2]
    found = [each for control in sampling.controls for each in _control_problems(control, sampling, drawn.shape, width)]
    beside = 0 if sampling.beside is None else sampling.beside.shape[1]
    if config.in_channels != drawn.shape[1] + beside:
        found.append(f"The latents have {drawn.shape[1] + beside} channels, this UNet takes {config.in_channels}.")
    weaker = [] if sampling.weaker is None else [sampling.weaker]
    if sampling.reuse is not None:
        found += reuse_problems(sampling.reuse, sampling.unet)
        if weaker or sampling.guidance.perturbed:
            found.append("Features of earlier steps are not used beside a weaker or a disturbed model: choose one.")
    if weaker and sampling.guidance.perturbed:
        found.append("A weaker model and a disturbed one guide at once: choose one of them.")
    if any(net.config.in_channels != config.in_channels for net in weaker):
        found.append("The weaker model takes other latents than the model: it belongs to another base model.")
    networks = [("UNet", sampling.unet), *(("weaker UNet", net) for net in weaker)]
    networks += [("ControlNet", one.net) for one in sampling.controls if isinstance(one, Control)]
    widths = [(name, net.config.cross_attention_dim) for name, net in networks]
    return [*found, *(problem for name, needed in widths for problem in _width_problem(name, needed, width))]


def _control_problems(
    control: Control | JointControl, sampling: Sampling, latents: torch.Size, width: int
) -> list[str]:
    unet = sampling.unet
    if isinstance(control, JointControl) != isinstance(unet, Mmdit):
        return ["The ControlNet was made for another kind of network than the model: they belong to other families."]
    if isinstance(control, JointControl):
        return joint_problems(control, latents, width)
    found = control_problems(control, latents)
    theirs, ours = list(control.net.config.block_out_channels), list(unet.config.block_out_channels)
    if theirs != ours:
        found.append(f"The ControlNet was made for a UNet with channels {theirs}, this one has {ours}.")
    return found


def _width_problem(name: str, needed: int, width: int) -> list[str]:
    if needed == width:
        return []
    return [f"The prompt has width {width}, this {name} needs {needed}: it belongs to another base model."]


def _told_scale(unet: UNet2DConditionModel, scale: float, latents: Tensor) -> Tensor | None:
    """The guidance scale as sines and cosines, for a UNet distilled to be told it (arXiv:2310.04378)."""
    size = unet.config.time_cond_proj_dim
    if size is None:
        return None
    frequencies = torch.exp(torch.arange(size // 2) * -(torch.log(torch.tensor(10000.0)) / (size // 2 - 1)))
    angles = torch.tensor(scale - 1).repeat(len(latents))[:, None] * 1000.0 * frequencies[None, :]
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.nn.functional.pad(waves, (0, size % 2)).to(latents)
