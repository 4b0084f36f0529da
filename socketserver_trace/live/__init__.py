"""A trace while it grows: read, matched, laid out and told to a page, an increment at a time."""
