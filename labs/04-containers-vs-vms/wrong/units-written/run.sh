sed -i 's/^memory_mib = 0.*/memory_mib = 11.4 MiB/' measurements.toml
