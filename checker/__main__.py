"""`python -m checker` is `lab`."""

import sys

from checker.cli import main

sys.exit(main())
