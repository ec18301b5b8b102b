"""The course site: builds the pages, serves them on this machine, and generates pages from the code."""
