"""Orders and look-ups of rosters, and summonses."""
