"""Change files of instruments, read them, and keep whatever raises an exception that is not ours, or gives a wrong answer."""
