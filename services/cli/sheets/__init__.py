"""A directory as sheets: units, posts, households; read from CSV or xlsx, checked, imported, made up."""
