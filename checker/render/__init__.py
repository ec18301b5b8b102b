"""How reports, tables and progress lines look on a terminal."""
