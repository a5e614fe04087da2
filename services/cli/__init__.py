"""The `fengqiao` command."""
