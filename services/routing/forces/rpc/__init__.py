"""The edges of forces and of the register of persons."""
