"""Emergencies (应急预案): another set of rules for an area and a time, and back. Pure: no I/O, no clock."""
