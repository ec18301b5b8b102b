"""The checks of lab 04 and what they share."""
