"""Hotspots (同类问题研判): where more of a kind comes in than before. Pure: no I/O, no clock."""
