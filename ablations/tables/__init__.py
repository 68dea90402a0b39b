"""Rows of the store -> frames -> tables and sentences."""
