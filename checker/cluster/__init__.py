"""A service on several machines as checks see it: kept running by a person, Swarm, Kubernetes or Nomad."""
