"""What wants attention and how many cases there are, in memory as the store has it: for those who look on."""
