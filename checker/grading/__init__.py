"""Run a lab's checks in this process: pytest, a plugin, and a testinfra backend over persistent shells."""
