"""What the enums of all closed lists have in common."""
from __future__ import annotations

import enum
from typing import Optional


# The texts that are no names.
_TEXTS = {"HEX_0X": "0x"}


class Listed(enum.IntEnum):
    """A value of one of the library's closed lists."""

    @property
    def text(self) -> str:
        """The name that JSON, the store and the C functions perp_…_string use."""
        return _TEXTS.get(self.name, self.name.lower())

    def __str__(self) -> str:
        return self.text

    @classmethod
    def _missing_(cls, value: object) -> Optional[Listed]:
        # A newer library may know more values than this list. They are shown, not hidden in an
        # error; what a host gives is looked up by member or name and never comes here.
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member
