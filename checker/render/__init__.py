"""The terminal faces of what the course knows: reports, tables, progress lines."""
