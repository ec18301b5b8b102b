"""The record that a lab's traffic keeps, read into a typed Timeline.

A check uses the fixture `timeline`, a `Traffic`: it reads the record while it grows, and leaves marks in it.

    def test_no_request_is_lost(timeline: Traffic) -> None:
        killed = timeline.mark("node-2 killed")
        ...
        seen = timeline.since(killed)                 # a Timeline: a snapshot that never changes
        seen = timeline.await_settled(killed)         # the same, once every rollout in it has ended; for rollouts()
        seen.served                                   # without requests from before there was a service
        seen.failures                                 # failed requests, with time, kind, and kept-alive or fresh
        seen.rollouts()                               # changes from one version to another, with their failures
        seen.longest_outage()                         # the longest time without a good answer, or None
        seen.recovery(killed)                         # seconds until the service had recovered, or None

All times are seconds since 1970 by the clock of the sender, which is the clock of the engine's machine. A mark has
its time; compare with it, or with `timeline.now()`, not with the clock of the machine that `lab` runs on.
A time in which the sender itself could not send (asleep, stopped, too busy) is a Gap, never a failure.
"""
