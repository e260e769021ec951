"""`python -m minisnn` is `minisnn`."""

import sys

from minisnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
