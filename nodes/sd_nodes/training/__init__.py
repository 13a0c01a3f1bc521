"""Training of the demonstration model and of ControlNets for any Stable Diffusion base."""
