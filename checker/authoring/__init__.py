"""For those who make labs: prove a lab's checks, make a new lab, measure one."""
