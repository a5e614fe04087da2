"""Screening campaigns (排查): scheduled work of units, round by round, of which none is silent.

Pure: no I/O, no clock.
"""
