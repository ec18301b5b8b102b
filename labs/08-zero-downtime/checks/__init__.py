"""The checks of lab 08."""
