"""`comfyui_version`: the version of ComfyUI whose packs run here."""

from __future__ import annotations

__version__ = "0.3.64"
