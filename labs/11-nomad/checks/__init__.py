"""The checks of lab 11 and what they share."""
