"""What can go wrong when a runtime starts or runs."""


class RuntimeFailed(Exception):
    """The runtime can't start or can't go on; the message says why and what to do, in one or more lines."""


class PartMissing(RuntimeFailed):
    """No broker or store of the wanted kind is to be had; the message says what each lacks."""
