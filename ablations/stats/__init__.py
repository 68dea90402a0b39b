"""Arithmetic on arrays: intervals, agreement of maps, spread over seeds. Knows no study."""
