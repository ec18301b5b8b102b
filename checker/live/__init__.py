"""The live page: one service that serves the course's pages, the state of the labs, and a terminal in their toolbox."""
