"""The checks of lab 12 and what they share."""
