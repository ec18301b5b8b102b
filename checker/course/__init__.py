"""What is taught: the labs, as their lab.toml files describe them."""
