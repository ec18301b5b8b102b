"""The checks of lab 03 and what they share."""
