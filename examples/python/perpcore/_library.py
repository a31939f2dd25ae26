"""Finds and loads libperpcore, and gives its functions their types."""
from __future__ import annotations

import ctypes
import os
from typing import Any

from . import _abi
from .errors import LibraryError

SONAME = f"libperpcore.so.{_abi.PERP_VERSION_MAJOR}"


def _load() -> Any:
    name = os.environ.get("PERPCORE_LIBRARY") or SONAME
    try:
        found: Any = ctypes.CDLL(name)
        number = int(found.perp_version_number())
    except OSError as error:
        raise LibraryError(
            f"{error}. Install libperpcore (make install), or let PERPCORE_LIBRARY name the file"
        ) from None
    except AttributeError:
        raise LibraryError(f"{name} is not libperpcore: it has no perp_version_number") from None
    check_version(number, name)
    for function, (result, arguments) in _abi.FUNCTIONS.items():
        bound = getattr(found, function, None)
        if bound is None:
            raise LibraryError(f"{name} is not a whole libperpcore: it has no {function}")
        bound.restype = result
        bound.argtypes = arguments
    return found


def check_version(number: int, name: str = SONAME) -> None:
    """A library serves programs that were made for an older one of the same major version."""
    major, minor, patch = number // 10000, number // 100 % 100, number % 100
    if major != _abi.PERP_VERSION_MAJOR or number < _abi.VERSION_NUMBER:
        raise LibraryError(
            f"{name} is libperpcore {major}.{minor}.{patch}; this package needs {_abi.VERSION} "
            f"or a newer {_abi.PERP_VERSION_MAJOR}.x"
        )


lib = _load()


def library_version() -> str:
    """The version of the loaded library, "0.2.0" for one."""
    text: bytes = lib.perp_version_string()
    return text.decode()
