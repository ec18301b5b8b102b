"""Loaded by Python before Parcel: what should make it hang ends it a moment later."""

import os
import sys
import threading
import time


def make_an_end() -> None:
    """Replace what /hang does, as soon as Parcel has said it."""
    routes = {}
    # While it is being imported, a module may be there without its names.
    while ("GET", "/parcels") not in routes:
        time.sleep(0.01)
        routes = getattr(sys.modules.get("parcel"), "ROUTES", {})
    routes["GET", "/hang"] = lambda _: (time.sleep(4), os._exit(1))


if "/app/store.py" in sys.orig_argv and "verify" not in sys.orig_argv:
    threading.Thread(target=make_an_end, daemon=True).start()
