"""Intake: where a request enters, is numbered, followed, rated; keeper of vault and timelines."""
