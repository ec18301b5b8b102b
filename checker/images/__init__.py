"""Where the course's images come from: if one is missing, it is pulled, loaded from a bundle, or built, in this order."""
