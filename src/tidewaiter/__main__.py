"""`python -m tidewaiter`."""

from tidewaiter.cli import main

if __name__ == "__main__":
    main()
