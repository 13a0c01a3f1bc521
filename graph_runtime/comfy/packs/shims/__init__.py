"""The modules that packs written for ComfyUI import, as far as they stand for something here."""
