"""The entry of every process: the module to run, and its arguments."""

import sys

from mlplatform.process import run

if __name__ == "__main__":
    del sys.argv[0]
    run(sys.argv[0])
