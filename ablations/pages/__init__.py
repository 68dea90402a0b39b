"""Outputs and verdicts as self-contained HTML pages."""
