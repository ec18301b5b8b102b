# %% run-with-limits
# Your turn: replace every ... and run the cell.
v1 = run("drydock/tariff:1.0", "tariff-v1", 8091)
v2 = run("drydock/tariff:2.0", "tariff-v2", 8092)
neighbour = run("drydock/cruncher:1.0", "cruncher", 8093, mem_limit="128m", nano_cpus=500_000_000)
