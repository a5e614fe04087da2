"""Routing: the tier ladder's process manager. README.md says what it owns."""
