"""The arithmetic of pictures and masks: pure functions over tensors that are handed in."""
