"""Why the other schedulers of diffusers do not fit a latent UNet."""

from collections.abc import Mapping

_FLOW = "it follows straight flows, and a UNet of this kind predicts noise"
_TOKENS = "it samples discrete tokens, not latents"
_INVERSE = "it runs from a picture to its noise, the other way round"

UNFIT: Mapping[str, str] = {
    "AmusedScheduler": _TOKENS,
    "BlockRefinementScheduler": _TOKENS,
    "CMStochasticIterativeScheduler": "it belongs to consistency models over pixels",
    "CogVideoXDDIMScheduler": "it belongs to CogVideoX, whose signal-to-noise ratio is shifted",
    "CogVideoXDPMScheduler": "it belongs to CogVideoX, and its step takes the previous prediction too",
    "ConsistencyDecoderScheduler": "it belongs to the consistency decoder of a VAE",
    "CosineDPMSolverMultistepScheduler": "it belongs to Stable Audio's continuous timesteps",
    "DDIMInverseScheduler": _INVERSE,
    "DDPMWuerstchenScheduler": "it belongs to Würstchen, whose timesteps run from 1 to 0",
    "DPMSolverMultistepInverseScheduler": _INVERSE,
    "DiscreteDDIMScheduler": _TOKENS,
    "EntropyBoundScheduler": _TOKENS,
    "FlowMapEulerDiscreteScheduler": _FLOW,
    "FlowMatchEulerDiscreteScheduler": _FLOW,
    "FlowMatchHeunDiscreteScheduler": _FLOW,
    "FlowMatchLCMScheduler": _FLOW,
    "HeliosDMDScheduler": _FLOW,
    "HeliosScheduler": _FLOW,
    "IPNDMScheduler": "its timesteps run from 1 to 0, and it cannot start from a picture",
    "KarrasVeScheduler": "it is withdrawn by diffusers, and its step takes two noise levels",
    "LTXEulerAncestralRFScheduler": _FLOW,
    "MiniMaxH3Scheduler": _FLOW,
    "PiflowScheduler": _FLOW,
    "RFD4ProteinaScheduler": "it belongs to a model of proteins",
    "RePaintScheduler": "its step takes the original picture and a mask",
    "SCMScheduler": "it belongs to models with the trigonometric flow of Sana Sprint",
    "ScoreSdeVeScheduler": "it has a predictor and a corrector step over pixels",
    "ScoreSdeVpScheduler": "it is withdrawn by diffusers, and its step takes the score itself",
    "UnCLIPScheduler": "it belongs to unCLIP's prior and decoders over pixels",
    "VQDiffusionScheduler": _TOKENS,
}
"""By diffusers' class name, the reason."""
