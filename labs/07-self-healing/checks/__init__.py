"""The checks of lab 07."""
