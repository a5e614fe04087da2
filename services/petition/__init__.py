"""Petition: handling of petitions (信访), and of accusations apart. README.md says what it owns."""
