"""Workflows of stock nodes against stored pictures and latents, computed by the mathematics alone."""
