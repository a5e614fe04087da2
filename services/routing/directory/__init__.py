"""The directory's edge: orders about units, look-ups by the day; `domain.directory` decides."""
