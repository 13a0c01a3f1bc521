"""Packs written for ComfyUI, on this engine: their classes become nodes, and the modules they import are here."""
