"""Runs the official workflows of ComfyUI's editor with small models that stand in for the published ones."""
