"""The checks of lab 06."""
