"""Requests about one matter: suggested, linked, kept apart, joined, parted. A person decides."""
