"""The verbs of `lab`, a module each: SUMMARY, EXAMPLE, add_arguments, run."""
