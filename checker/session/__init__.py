"""What can be done with a lab: start, check, hint, reset, solve, lose, stop. Every face of the course calls these."""
