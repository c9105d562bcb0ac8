"""A finding that is no exception: nothing was raised, and what came out is wrong."""

from __future__ import annotations


class WrongAnswer(Exception):
    """Nothing was raised, and what came out is wrong: of which kind, and in detail."""

    @property
    def kind(self) -> str:
        """By what findings are told apart."""
        return str(self.args[0])

    def __str__(self) -> str:
        """Both in one line."""
        return ": ".join(map(str, self.args))
