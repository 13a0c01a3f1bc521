"""All that knows ComfyUI: its file formats, its wire, its packs."""
