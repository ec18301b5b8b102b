"""Whether this machine can run the course: probes that look and change nothing, and what to do about each."""
