"""What a wrong setting is told."""

from collections.abc import Iterable
from difflib import get_close_matches


class SettingError(ValueError):
    """A setting does not fit: the message says what was found, what is needed and the nearest right thing."""


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the nearest of the words, or nothing where none is near."""
    known = list(words)
    containing = [one for one in known if word and word in one]
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6) or containing
    return f" Did you mean '{close[0]}'?" if close else ""
