"""``python -m edgernn`` is the command ``edgernn``."""

from edgernn.cli.main import main

if __name__ == "__main__":
    main()
