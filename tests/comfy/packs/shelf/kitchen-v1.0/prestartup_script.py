"""Runs before the pack is imported."""

import sys

import folder_paths

sys.modules["kitchen_is_prepared"] = folder_paths
raise RuntimeError("a pack whose preparation fails is imported all the same")
