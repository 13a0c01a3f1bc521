"""The file formats of ComfyUI: its editor's documents, and the metadata of its pictures."""
