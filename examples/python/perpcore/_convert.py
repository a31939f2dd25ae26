"""Values of Python to those of the library and back. Nothing is rounded, cut or guessed."""
from __future__ import annotations

import decimal
import enum
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Optional, Type, TypeVar, Union

from . import _abi
from .errors import ArgumentTypeError, InvalidError, RangeError

Money = Union[Decimal, int]
Time = Union[int, datetime]
JobId = Union[uuid.UUID, str]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_NS = 86_400_000_000_000
_INT64_MAX = 2**63 - 1
_YEAR_1990 = 631_152_000 * 1_000_000_000

# More digits than any amount has: a result that does not fit raises instead of being rounded.
_EXACT = decimal.Context(
    prec=40, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow]
)
_MILLION = Decimal(1_000_000)

E = TypeVar("E", bound=enum.IntEnum)


def show(value: object) -> str:
    """A value as messages show it: short, and without what a terminal can't print."""
    try:
        shown = str(value) if isinstance(value, Decimal) else repr(value)
    except Exception:  # an int of thousands of digits, or a class whose repr fails
        shown = f"a {type(value).__name__} that can't be shown"
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def decoded(data: bytes) -> str:
    """A text of the library. One that was cut may end inside a character."""
    return data.decode("utf-8", "replace")


def micros(name: str, value: Money) -> int:
    """USD as the library's integer micro-dollars."""
    kind = type(value)
    if kind is int:
        amount = value * 1_000_000
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidError(f"{name}: {show(value)} is no amount of money")
        try:
            exact = _EXACT.multiply(value, _MILLION)
            amount = int(exact)
        except decimal.Inexact:  # more digits than any amount has
            exact, amount = _MILLION, 0
        except decimal.Overflow:
            raise RangeError(f"{name}: {show(value)} USD is more than can be counted") from None
        if amount != exact:
            if value.copy_abs() > _INT64_MAX:
                raise RangeError(f"{name}: {show(value)} USD is more than can be counted")
            raise InvalidError(
                f"{name}: {show(value)} has more than 6 decimals; quantize it as you mean it"
            )
    else:
        raise ArgumentTypeError(
            f"{name}: money is a Decimal or an int of whole USD, not {kind.__name__} {show(value)}"
        )
    if not -_INT64_MAX <= amount <= _INT64_MAX:
        raise RangeError(f"{name}: {show(value)} USD is more than can be counted")
    return int(amount)


def usd(amount: int) -> Decimal:
    """Micro-dollars as USD, with all six decimals."""
    return Decimal(amount).scaleb(-6, _EXACT)


def nanoseconds(name: str, value: Time) -> int:
    """A time as nanoseconds since the Unix epoch."""
    if type(value) is int:
        time = value
    elif isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise InvalidError(f"{name}: {show(value)} has no time zone; use an aware datetime")
        past = value - _EPOCH
        time = past.days * _DAY_NS + past.seconds * 1_000_000_000 + past.microseconds * 1000
        time += getattr(value, "nanosecond", 0)  # of a pandas.Timestamp
    else:
        raise ArgumentTypeError(
            f"{name}: a time is an int of nanoseconds or an aware datetime, not {show(value)}"
        )
    if not -_INT64_MAX <= time <= _INT64_MAX:
        raise RangeError(f"{name}: {show(value)} is no time that can be counted")
    return time


def moment(name: str, value: Time) -> int:
    """A time that happened or will. An int that is far too small is one of another unit."""
    time = nanoseconds(name, value)
    if type(value) is int and 0 < time < _YEAR_1990:
        raise InvalidError(
            f"{name}: {value} looks like seconds, milli- or microseconds; a time is an int of "
            "nanoseconds (time.time_ns())"
        )
    return time


def optional_nanoseconds(name: str, value: Optional[Time]) -> int:
    """A time that may be left out."""
    return _abi.PERP_TIME_NONE if value is None else moment(name, value)


def to_datetime(ns: int) -> datetime:
    """Nanoseconds since the epoch as a datetime in UTC, cut to its microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds("ns", ns) // 1000)


def number(name: str, value: float) -> float:
    """A price, quantity, rate or score: a float, or an int in its place."""
    if type(value) is float:
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise RangeError(f"{name}: {show(value)} is too large") from None
    raise ArgumentTypeError(f"{name}: a float is wanted, not {type(value).__name__} {show(value)}")


def whole(name: str, value: int, low: int, high: int) -> int:
    """An int between two bounds, those of the C type that it becomes."""
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ArgumentTypeError(
                f"{name}: an int is wanted, not {type(value).__name__} {show(value)}"
            )
        value = int(value)
    if not low <= value <= high:
        raise RangeError(f"{name}: {show(value)} is outside {low}..{high}")
    return value


def u32(name: str, value: int) -> int:
    """A count. The largest uint32_t stands for "none" in the headers and is never a count."""
    return whole(name, value, 0, 2**32 - 2)


def u64(name: str, value: int) -> int:
    """An id of a reservation, or the number of a change."""
    return whole(name, value, 0, 2**64 - 1)


def i64(name: str, value: int) -> int:
    """A duration. The smallest int64_t stands for "not given" in the headers."""
    return whole(name, value, -_INT64_MAX, _INT64_MAX)


def flag(name: str, value: bool) -> int:
    """True or False, and nothing that merely is truthy."""
    if value is True or value is False:
        return int(value)
    raise ArgumentTypeError(f"{name}: True or False is wanted, not {show(value)}")


def member(name: str, cls: Type[E], value: Union[E, str]) -> E:
    """A member of one of the lists, or its text."""
    if type(value) is cls and cls._value2member_map_.get(value) is value:
        return value
    if isinstance(value, str):
        found = cls.__members__.get(value.upper())
        if found is not None and str(found) == value:
            return found
        for found in cls:
            if str(found) == value:  # a text that is no name
                return found
        known = ", ".join(map(str, cls))
        raise InvalidError(f"{name}: {show(value)} is none of {known}")
    raise ArgumentTypeError(f"{name}: a {cls.__name__} is wanted, not {show(value)}")


def text(name: str, value: str, size: Optional[int] = None) -> bytes:
    """UTF-8 of a text of at most size bytes."""
    if not isinstance(value, str):
        raise ArgumentTypeError(
            f"{name}: a str is wanted, not {type(value).__name__} {show(value)}"
        )
    if "\0" in value:
        raise InvalidError(f"{name}: {show(value)} has a NUL in it")
    try:
        data = value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidError(f"{name}: {show(value)} is no UTF-8 text: {error.reason}") from None
    if size is not None and len(data) > size:
        raise InvalidError(f"{name}: {len(data)} bytes, at most {size}: {show(value)}")
    return data


def job_id(name: str, value: JobId) -> _abi.perp_uuid:
    """A uuid.UUID, or its text, as the library has it."""
    return _abi.perp_uuid.from_buffer_copy(as_uuid(name, value).bytes)


def as_uuid(name: str, value: JobId) -> uuid.UUID:
    """A uuid.UUID, or its text with hyphens."""
    if isinstance(value, uuid.UUID):
        return value
    if isinstance(value, str):
        try:
            found = uuid.UUID(value)
        except ValueError:
            raise InvalidError(f"{name}: {show(value)} is no UUID") from None
        if str(found) != value.lower():
            raise InvalidError(f"{name}: {show(value)} is no UUID of 36 characters")
        return found
    raise ArgumentTypeError(f"{name}: a UUID or its text is wanted, not {show(value)}")


def to_uuid(value: Any) -> uuid.UUID:
    """The library's perp_uuid as a uuid.UUID."""
    return uuid.UUID(bytes=bytes(value))
