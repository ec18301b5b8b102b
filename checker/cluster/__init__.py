"""A service on several machines, as checks see it: kept running by hand, by Swarm, by Kubernetes or by Nomad."""
