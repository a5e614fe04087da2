"""Village codes (村规民约): orders about them, and what they say on a day."""
