"""Joint meetings (联席会议): agenda, minutes, dated tasks, closure."""
