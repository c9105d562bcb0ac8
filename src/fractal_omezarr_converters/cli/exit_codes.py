"""What the exit codes of every command mean."""

DONE = 0
FAILED = 1
WRONG_USAGE = 2
SOME_IMAGES_FAILED = 3
INTERRUPTED = 130
