"""`python -m kaito` and the `kaito` console script: hands the words to the command line."""

import sys

from kaito.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
