"""Options that are one of a few names."""

from __future__ import annotations

import re
from enum import Enum
from typing import TypeVar

from edgefer.errors import InputError

_Chosen = TypeVar("_Chosen", bound="Choice")


class Choice(str, Enum):
    """One of a few names, which is also how it prints; what it is of is in the class's name."""

    __str__ = str.__str__

    @classmethod
    def parse(cls: type[_Chosen], name: str) -> _Chosen:
        """The one called `name`; InputError names those there are."""
        try:
            return cls(name.lower())
        except ValueError:
            what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()
            msg = f"{what} '{name}': expected one of {', '.join(cls)}"
            raise InputError(msg) from None
