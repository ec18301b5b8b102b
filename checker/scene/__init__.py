"""A lab's containers, which Compose starts, stops, resets and moves to a step; and the learner's work folder."""
