"""Stands in for ComfyUI's module of this name."""


class GraphBuilder:
    @classmethod
    def alloc_prefix(cls):
        return "7.0.0."
