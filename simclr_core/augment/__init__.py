"""Augmentations: drawn per sample, applied in batches on the device that trains."""
