"""The learner's own Kubernetes cluster: found in their kubeconfig, with one namespace for the lab."""
