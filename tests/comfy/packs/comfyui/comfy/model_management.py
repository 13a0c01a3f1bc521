"""Stands in for ComfyUI's module of this name."""

cancelled = False


class InterruptProcessingException(Exception):
    pass


def processing_interrupted():
    return cancelled
