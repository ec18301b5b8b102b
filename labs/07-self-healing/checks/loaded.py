"""Prints a line with a digest for each file that Python has loaded when Parcel's program is: python3 - < loaded.py.

It runs in a container of Parcel, with the settings of the program there.
"""

import hashlib
import importlib
import sys
from pathlib import Path

sys.path[:1] = ["/app"]
importlib.import_module("store")

files = {each.__file__ for each in sys.modules.values() if getattr(each, "__file__", None)}
for file in sorted(files):
    print(hashlib.sha256(Path(file).read_bytes()).hexdigest(), file)
