"""Stands in for ComfyUI's module of this name."""

TICKS = []


class ProgressBar:
    def __init__(self, total, node_id=None):
        self.total = total

    def update_absolute(self, value, total=None, preview=None):
        TICKS.append((value, total))
