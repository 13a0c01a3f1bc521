"""Imported relatively by the pack."""


class Anything(str):
    """A word that fits every other."""

    def __ne__(self, other):
        return False

    __hash__ = str.__hash__


class Everything(dict):
    """Optional inputs of any name."""

    def __contains__(self, name):
        return True

    def __getitem__(self, name):
        return (ANY,)


ANY = Anything("*")
