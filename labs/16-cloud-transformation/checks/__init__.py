"""The checks of lab 16."""
