"""The learner's progress: attempts, passes and hints, in one SQLite file, written in transactions."""

from checker.progress.record import Progress, Standing

__all__ = ["Progress", "Standing"]
