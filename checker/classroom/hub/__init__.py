"""A class on a Kubernetes cluster: a seat for each learner, given out by JupyterHub, with the board and the images in one namespace."""
