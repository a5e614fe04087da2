"""Joint meetings (联席会议): what they take up, and what becomes of the tasks they set.

Pure: no I/O, no clock.
"""
