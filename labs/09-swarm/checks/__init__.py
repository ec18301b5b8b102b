"""The checks of lab 09 and what they share."""
