"""Rosters (值班): who is on duty when, and who comes when summoned. Pure: no I/O, no clock."""
