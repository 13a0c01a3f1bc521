"""Why the other schedulers of diffusers do not fit models of latents."""

from collections.abc import Mapping

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
    "FlowMapEulerDiscreteScheduler": "its step takes the timestep that it goes to, for models distilled so",
    "HeliosDMDScheduler": "it belongs to Helios, whose latents grow in stages",
    "HeliosScheduler": "it belongs to Helios, whose latents grow in stages",
    "IPNDMScheduler": "its timesteps run from 1 to 0, and it cannot start from a picture",
    "KarrasVeScheduler": "it is withdrawn by diffusers, and its step takes two noise levels",
    "LTXEulerAncestralRFScheduler": "it belongs to LTX-Video",
    "MiniMaxH3Scheduler": "it belongs to MiniMax-H3",
    "PiflowScheduler": "it belongs to models that make several predictions for each latent",
    "RFD4ProteinaScheduler": "it belongs to a model of proteins",
    "RePaintScheduler": "its step takes the original picture and a mask",
    "SCMScheduler": "it belongs to models with the trigonometric flow of Sana Sprint",
    "ScoreSdeVeScheduler": "it has a predictor and a corrector step over pixels",
    "ScoreSdeVpScheduler": "it is withdrawn by diffusers, and its step takes the score itself",
    "UnCLIPScheduler": "it belongs to unCLIP's prior and decoders over pixels",
    "VQDiffusionScheduler": _TOKENS,
}
"""By diffusers' class name, the reason."""
