"""Hotspots (同类问题研判): requests counted by day, place and kind, and what stands out among them."""
