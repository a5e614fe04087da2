"""Tells people what they are owed news of, and keeps the proof (issue areas: templates, deliveries)."""
