"""Emergencies (应急预案): declared, followed by every process that decides, ended."""
