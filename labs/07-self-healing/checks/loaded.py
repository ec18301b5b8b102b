"""Prints each file that Python has loaded when Parcel's program is, as sha256sum does: python3 - < loaded.py.

It runs in a container of Parcel, with the settings of the program there.
"""

import hashlib
import importlib
import sys
from pathlib import Path

sys.path[:1] = ["/app"]
importlib.import_module("store")

files = {str(getattr(each, "__file__", "")) for each in sys.modules.values()}
# Without those that Python has within itself, and without this one.
for file in sorted(each for each in files if each.startswith("/")):
    print(hashlib.sha256(Path(file).read_bytes()).hexdigest(), "", file)
