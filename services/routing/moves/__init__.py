"""Moves that need more than the case at hand, and what pauses and extends its clocks."""
