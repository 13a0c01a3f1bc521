"""Writes a graph as a Python script of plain calls."""

from .script import to_python

__all__ = ["to_python"]
