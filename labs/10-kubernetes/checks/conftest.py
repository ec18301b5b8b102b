"""What the checks of lab 10 share for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.cluster.elsewhere import Elsewhere
from checker.cluster.kubernetes import Kubernetes
from checker.course import places
from checker.scene import chosen

from .parcel import Parcel

if TYPE_CHECKING:
    from checker.grading.author import Lab


@pytest.fixture(scope="session")
def cluster(lab: Lab) -> Kubernetes:
    """The lab's cluster, or the learner's own that was chosen."""
    choice = chosen.kept(places.find(), lab.course_lab)
    return Kubernetes(lab) if choice is None else Elsewhere(lab, choice)


@pytest.fixture(scope="session")
def parcel(cluster: Kubernetes) -> Parcel:
    """What the learner made of Parcel on it."""
    return Parcel(cluster)
