"""Detectors: backbones as stages, necks, heads, and what is frozen."""
