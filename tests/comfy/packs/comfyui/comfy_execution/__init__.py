"""Stands in for a package of ComfyUI."""
