"""What the checks of lab 17 share; each check file imports from here by a leading dot."""
