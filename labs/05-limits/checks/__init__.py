"""The checks of lab 05 and what they share."""
