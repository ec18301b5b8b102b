"""The course site: build the pages, serve them on this machine, write what is generated from the code."""
