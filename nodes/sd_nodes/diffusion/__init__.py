"""The mathematics of latent diffusion: pure functions over modules and tensors that are handed in."""
