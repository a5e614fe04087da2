"""How Fengqiao runs: the embedded runtime for one machine; Compose and Helm beside it."""
