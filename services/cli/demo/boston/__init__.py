"""The demo's city: a slice of its requests, its territory and the rules of its site."""
