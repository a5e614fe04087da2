"""Fixtures: a broker and a store for the whole session, a fresh database name per test."""
