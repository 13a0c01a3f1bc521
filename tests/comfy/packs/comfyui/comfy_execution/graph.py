"""Stands in for ComfyUI's module of this name."""


class ExecutionBlocker:
    def __init__(self, message):
        self.message = message
