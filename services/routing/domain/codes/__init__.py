"""Village codes (村规民约): what is in force when, and cited by number. Pure: no I/O, no clock."""
