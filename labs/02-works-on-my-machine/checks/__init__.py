"""The checks of lab 02 and what they share."""
