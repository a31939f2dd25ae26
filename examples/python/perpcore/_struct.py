"""Dataclasses from the library's structs and back: the type of each field says how.

Decimal is money, bool a flag, a Listed one of the lists, Optional what may be "not known"
(a time, NaN, an id of none), a Dict by a Listed an array with an entry for each of its members.
"""
from __future__ import annotations

import ctypes
import typing
import uuid
from dataclasses import fields
from decimal import Decimal
from typing import (
    Any, Callable, ClassVar, Dict, List, NamedTuple, Optional, Tuple, Type, TypeVar,
)

from . import _abi
from ._book import Book, Exchange, Instrument
from ._convert import decoded, flag, member, micros, number, show, to_uuid, usd, whole
from ._listed import Listed
from .errors import ArgumentTypeError, InvalidError

Converter = Callable[[Any, Book], Any]
S = TypeVar("S", bound="Struct")


class Plan(NamedTuple):
    """How the fields of a dataclass are read, by how much there is to do."""

    plain: List[str]
    or_none: List[str]  # NaN: not known
    converted: List[Tuple[str, Converter]]
    made: List[Tuple[str, Converter]]


class Struct:
    """Base of the dataclasses that show a struct of the library."""

    #: The ctypes struct that it is made from.
    _struct: ClassVar[Any]

    #: Fields that no plain field of the struct gives: name to a function of (struct, book).
    _made: ClassVar[Dict[str, Converter]] = {}

    _plan: ClassVar[Optional[Plan]] = None

    @classmethod
    def _read(cls: Type[S], source: Any, book: Any) -> S:
        plan = cls.__dict__.get("_plan") or make_plan(cls)
        out = cls.__new__(cls)
        values = out.__dict__  # written directly: a frozen dataclass is as quick as a plain one
        for name in plan.plain:
            values[name] = getattr(source, name)
        for name in plan.or_none:
            value = getattr(source, name)
            values[name] = value if value == value else None
        for name, convert in plan.converted:
            values[name] = convert(getattr(source, name), book)
        for name, make in plan.made:
            values[name] = make(source, book)
        return out


def make_plan(cls: Type[Any]) -> Plan:
    """How each field of a dataclass is read."""
    hints = typing.get_type_hints(cls)
    ctypes_of = dict(cls._struct._fields_)
    plan = Plan([], [], [], [])
    for field in fields(cls):
        name = field.name
        if name in cls._made:
            plan.made.append((name, cls._made[name]))
        elif hints[name] in (int, float):
            plan.plain.append(name)
        elif hints[name] == Optional[float]:
            plan.or_none.append(name)
        else:
            convert = converter(hints[name], ctypes_of[name])
            plan.converted.append((name, convert))
    cls._plan = plan
    return plan


def converter(hint: Any, ctype: Any) -> Converter:
    """From a struct's field to a value of the type that the annotation names."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is dict:
        return by_member(arguments[0], arguments[1], ctype)
    if origin is typing.Union:
        return optional(arguments[0], ctype)
    if hint is bool:
        return lambda value, book: value != 0
    if hint is Decimal:
        return lambda value, book: usd(value)
    if hint is str:
        return lambda value, book: decoded(value)
    if hint is uuid.UUID:
        return lambda value, book: to_uuid(value)
    if hint is Exchange:
        return lambda value, book: book.exchange(value)
    if hint is Instrument:
        return lambda value, book: book.instrument(value)
    if issubclass(hint, Listed):
        members = hint._value2member_map_
        return lambda value, book: members[value] if value in members else hint(value)
    if issubclass(hint, Struct):
        read: Converter = hint._read
        return read
    raise TypeError(f"no way to read {hint} from {ctype}")


def optional(hint: Any, ctype: Any) -> Converter:
    """What stands for "not known" becomes None."""
    if hint is Decimal:  # a limit that is off
        return lambda value, book: usd(value) if value else None
    if hint is Exchange:
        return lambda value, book: book.optional_exchange(value)
    if hint is int and ctype is ctypes.c_int64:
        return lambda value, book: None if value == _abi.PERP_TIME_NONE else value
    raise TypeError(f"no way to read an optional {hint} from {ctype}")


def by_member(listed: Any, hint: Any, ctype: Any) -> Converter:
    """An array with an entry for each member of a list; counts only where there are any."""
    members = list(listed)
    if hint is int:  # a newer library may count what this list does not know
        return lambda value, book: {
            listed(i): n for i, n in enumerate(value[:]) if n
        } if any(value[:]) else {}
    if hint is float:
        return lambda value, book: dict(zip(members, value[:]))
    each = converter(hint, ctype._type_)
    return lambda value, book: {m: each(value[m], book) for m in members}


def write(path: str, source: Any, target: Any) -> None:
    """Checks the fields of a dataclass and puts them into a struct."""
    hints = typing.get_type_hints(type(source))
    ctypes_of = dict(target._fields_)
    for field in fields(source):
        name, value = f"{path}.{field.name}", getattr(source, field.name)
        hint, ctype = hints[field.name], ctypes_of.get(field.name)
        if typing.get_origin(hint) is dict:
            listed, each = typing.get_args(hint)
            write_members(name, listed, each, value, getattr(target, field.name))
        elif isinstance(hint, type) and issubclass(hint, Struct):
            if not isinstance(value, hint):
                raise ArgumentTypeError(f"{name}: a {hint.__name__} is wanted, not {show(value)}")
            write(name, value, getattr(target, field.name))
        elif field.name not in source._made:
            setattr(target, field.name, to_c(name, hint, ctype, value))


def write_members(path: str, listed: Any, hint: Any, value: Any, target: Any) -> None:
    if not isinstance(value, dict) or set(value) != set(listed):
        wanted = ", ".join(str(m) for m in listed)
        raise InvalidError(f"{path}: a dict with a value for each of {wanted} is wanted")
    for key, item in value.items():
        if issubclass(hint, Struct):
            if not isinstance(item, hint):
                raise ArgumentTypeError(
                    f"{path}.{key}: a {hint.__name__} is wanted, not {show(item)}"
                )
            write(f"{path}.{key}", item, target[key])
        else:
            target[key] = to_c(f"{path}.{key}", hint, target._type_, item)


def to_c(name: str, hint: Any, ctype: Any, value: Any) -> Any:
    """One value for a field of a struct."""
    if hint is float:
        return number(name, value)
    if hint is bool:
        return flag(name, value)
    if hint is Decimal:
        return micros(name, value)
    if hint is int:
        bits = 8 * ctypes.sizeof(ctype)
        signed = ctype in (ctypes.c_int32, ctypes.c_int64)
        low = -(2 ** (bits - 1)) if signed else 0
        return whole(name, value, low, 2 ** (bits - signed) - 1)
    if issubclass(hint, Listed):
        return int(member(name, hint, value))
    raise TypeError(f"no way to write {hint} to {ctype}")
