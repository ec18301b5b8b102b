"""The checks of lab 01 and what they share."""
