"""What the checks of lab 15 share; each check file imports from here by a leading dot."""
