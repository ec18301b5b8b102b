"""What the checks of lab 99 share; each check file imports from here by a leading dot."""
