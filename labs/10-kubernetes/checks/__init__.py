"""The checks of lab 10 and what they share."""
