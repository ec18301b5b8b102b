"""The checks of lab 17."""
