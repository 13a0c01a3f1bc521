"""Samplers: each goes down noise levels by the formulas of one paper."""
