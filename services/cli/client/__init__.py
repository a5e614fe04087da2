"""The client commands: each translates words into one RPC and prints what comes back."""
