"""A Kubernetes cluster that is not ours: found in the person's kubeconfig, and given one room for the lab."""
