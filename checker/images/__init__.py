"""Where the course's images come from: present, else pulled, else loaded from a bundle, else built."""
