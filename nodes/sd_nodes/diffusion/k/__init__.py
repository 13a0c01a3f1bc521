"""Sampling over noise levels (sigmas), as the Stable Diffusion node editors of the field do it.

Latents are followed in the variance-exploding form x = x0 + sigma * noise of Karras et al. (arXiv:2206.00364), whatever
the model was trained on: a `Parameterization` turns its output into what the latents denoise to, a schedule says which
levels are visited, a sampler goes from one to the next.

The library known as `k-diffusion` writes several of these samplers too; it requires torchvision, wandb and clip, so the
formulas are written out here. Brownian noise is torchsde's.
"""
