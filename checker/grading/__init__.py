"""Run a lab's checks in this process: collected by pytest once, run for each verdict, with a testinfra backend over persistent shells."""
