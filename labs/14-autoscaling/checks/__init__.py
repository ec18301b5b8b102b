"""The checks of lab 14 and what they share."""
