"""A class: what learners hand in, graded again on the teacher's machine; gradebooks; the plan for a room, and the room itself."""
