"""Screening campaigns (排查): plan, report, close; and the early warnings that come of them."""
