"""Mediation: a dispute between parties, voluntary from the first to the last."""
