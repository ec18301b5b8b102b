"""A service on several machines as checks see it, whoever orchestrates: a person, Swarm, Kubernetes or Nomad."""
