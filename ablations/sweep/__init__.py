"""Trains what is missing; the only room with Ray."""
