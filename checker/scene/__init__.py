"""A lab's containers: start, stop, reset, goto, through Compose; and the learner's work folder."""
