"""Measurements of a trained encoder."""
