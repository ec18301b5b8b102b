"""The record that a lab's traffic keeps, read into a typed Timeline.

A check takes the fixture `timeline`, a `Traffic`: the record as it grows, and the place to leave marks.

    def test_no_request_is_lost(timeline: Traffic) -> None:
        killed = timeline.mark("node-2 killed")
        ...
        seen = timeline.since(killed)          # a Timeline: a snapshot, never changes
        seen = timeline.settled(killed)        # the same, once no rollout in it is undecided; for rollouts()
        seen.served                            # without what failed before there was a service at all
        seen.failures                          # what failed, with time, kind, and kept-alive or fresh
        seen.rollouts()                        # moves from one version to another, with what failed in them
        seen.neither()                         # the longest moment without a good answer, or None
        seen.recovery(killed)                  # seconds until the service was well again, or None

All moments are seconds since 1970 by the clock of the sender, which is the engine's machine's. A mark carries
its moment; compare with it, or with `timeline.now()`, and not with the clock of the machine that `lab` runs on.
What the sender itself missed (asleep, stopped, too busy) is a Gap, and never a failure.
"""
