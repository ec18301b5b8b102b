"""The checks of lab 13."""
