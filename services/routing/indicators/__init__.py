"""Indicators (响应率、解决率): counted from the cases that were due in a period."""
