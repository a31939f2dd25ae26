"""Where a core keeps its changes: an SQLite file, memory, or a host's own class."""
from __future__ import annotations

import os
import threading
import uuid
import weakref
from abc import ABC, abstractmethod
from ctypes import byref, c_char_p, c_int, c_void_p, cast, memmove, string_at
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Callable, ClassVar, Dict, Iterable, Optional, Tuple, Union

from . import _abi
from ._abi import ColumnType, Status
from ._book import Book, NotCopied, check, logger
from ._convert import decoded, flag, show, text, to_uuid, u32, u64
from ._hooks import Hooks, Link
from ._library import lib
from ._struct import Converter, Struct
from .errors import (
    ArgumentTypeError, BusyError, CorruptError, InvalidError, NoMemoryError, error_of,
)


# A NULL of the type of a store's close.
_NO_CLOSE: Any = cast(c_void_p(), _abi.perp_store_close)


class AnyStore:
    """Base of all stores."""

    #: Set when the core that last had the store is closed.
    _over: Optional[threading.Event] = None

    def _attach(self, config: Any, hooks: Hooks, replaying: bool) -> None:
        """Puts the functions of the store into a perp_config."""
        raise NotImplementedError

    def _opened(self, book: Book) -> None:
        """The core that has the store is open."""

    def _claim(self, hooks: Hooks) -> None:
        """A store has one core at a time."""
        with _claiming:
            if self._over is not None and not self._over.is_set():
                raise BusyError("store: an open core has it")
            self._over = hooks.over


_claiming = threading.Lock()
os.register_at_fork(before=_claiming.acquire, after_in_parent=_claiming.release,
                    after_in_child=_claiming.release)


class SqliteStore(AnyStore):
    """One SQLite file, made where there is none, readable with any SQLite tool while it is
    written. The file is opened when a core is; `replay` opens it read-only. keep_events: how many
    records before the newest checkpoint are kept, 0 for all. vfs: the name of an SQLite VFS.
    create: whether a file that is there and empty is a new store, or a lost one. verify_events: how
    many records before the newest checkpoint are verified when a large store is opened, by default
    as many as the library chooses; 2**64 - 1: the whole store. wal_limit_mb: a reader that keeps the
    WAL from being begun anew when it is longer raises the alert wal_held; 0: none does."""

    def __init__(self, path: Union[str, "os.PathLike[str]"], *, keep_events: int = 0,
                 vfs: Optional[str] = None, create: bool = False,
                 verify_events: Optional[int] = None, wal_limit_mb: int = 256) -> None:
        try:
            name = os.fspath(path)
        except TypeError:
            raise ArgumentTypeError(f"path: a path is wanted, not {show(path)}") from None
        self.path = name
        self._path = text("path", name)
        self._keep_events = u64("keep_events", keep_events)
        self._vfs = None if vfs is None else text("vfs", vfs)
        self._create = flag("create", create)
        self._verify_events = (None if verify_events is None
                               else u64("verify_events", verify_events))
        self._wal_limit_mb = u32("wal_limit_mb", wal_limit_mb)

    def _attach(self, config: Any, hooks: Hooks, replaying: bool) -> None:
        options = _abi.perp_sqlite_options()
        lib.perp_sqlite_options_init(byref(options))
        options.read_only = replaying
        options.keep_events = self._keep_events
        options.vfs = self._vfs
        options.create = self._create
        options.wal_limit_mb = self._wal_limit_mb
        if self._verify_events is not None:
            options.verify_events = self._verify_events
        check(lib.perp_store_sqlite_open(self._path, byref(options), byref(config.store)))

    def __repr__(self) -> str:
        return f"SqliteStore({self.path!r})"


class Memory:
    """The C side of a MemoryStore. The book that writes to it holds it too, and is the last that
    lets go: garbage is not finalized in any order, and closing a core may write to its store."""

    def __init__(self) -> None:
        self.store = _abi.perp_store()
        check(lib.perp_store_memory_open(byref(self.store)))
        # Not when the program ends: a daemon thread may be inside.
        weakref.finalize(self, self.store.close, self.store.user).atexit = False


class MemoryStore(AnyStore, NotCopied):
    """Records in memory, for tests. It outlives its core: the next core that is opened with it is
    the book as it was, as after a restart."""

    def __init__(self) -> None:
        self._memory = Memory()

    def _attach(self, config: Any, hooks: Hooks, replaying: bool) -> None:
        self._claim(hooks)
        for name, _ in _abi.perp_store._fields_:
            setattr(config.store, name, getattr(self._memory.store, name))
        config.store.close = _NO_CLOSE  # Memory closes it

    def _opened(self, book: Book) -> None:
        book.store = self._memory


def _optional_text(name: str) -> Converter:
    def read(source: Any, book: Any) -> Optional[str]:
        value: Optional[bytes] = getattr(source, name)
        return None if value is None else decoded(value)

    return read


@dataclass(frozen=True)
class Record(Struct):
    """One change of the book, as a store gets it. data holds all that applying it again needs; the
    rest is for people and queries, 0 or None where it does not apply. outcome: why it was refused,
    or how a job ended. chain: the checksum that data ends in, which covers all records before this
    one too."""

    _struct: ClassVar[Any] = _abi.perp_record
    _made: ClassVar[Dict[str, Converter]] = {
        "job_id": lambda source, book: to_uuid(source.job_id.contents) if source.job_id else None,
        "data": lambda source, book: string_at(source.data, source.size) if source.size else b"",
        **{
            name: _optional_text(name)
            for name in ("kind", "exchange", "actor", "reason", "detail", "outcome")
        },
    }

    seq: int
    time_ns: Optional[int]
    kind: str
    job_id: Optional[uuid.UUID]
    exchange: Optional[str]
    pool: int
    reservation: int
    amount: Decimal
    pnl: Decimal
    volume: Decimal
    fees: Decimal
    actor: Optional[str]
    reason: Optional[str]
    detail: Optional[str]
    data: bytes
    outcome: Optional[str]
    chain: int


#: What a column of a row holds.
Value = Union[int, float, str, None]


@dataclass(frozen=True)
class Row:
    """One row of a table for people, as the book has it once the change is made. columns: only
    those that the change sets; the first `keys` of them tell the row from others. Others keep what
    they had, and of a new row are None or 0. docs/durability.md lists tables and columns."""

    table: str
    keys: int
    columns: Dict[str, Value]

    @classmethod
    def _read(cls, source: Any) -> Row:
        columns = (source.columns[i] for i in range(source.n_columns))
        return cls(decoded(source.table), source.n_keys,
                   {decoded(column.name): _value(column) for column in columns})


def _value(column: Any) -> Value:
    kind = column.type
    if kind == ColumnType.INTEGER:
        integer: int = column.integer
        return integer
    if kind == ColumnType.NUMBER:
        number: float = column.number
        return number
    if kind == ColumnType.TEXT:
        return decoded(column.text)
    if kind == ColumnType.NULL:
        return None
    raise InvalidError(f"{decoded(column.name)}: a column of the unknown type {kind}")


@dataclass(frozen=True)
class Checkpoint:
    """The whole book as of record seq."""

    seq: int
    hash: int
    data: bytes


class Store(AnyStore, ABC):
    """A host's own store. What a method raises is a failure: the change did not happen, the call
    that made it raises StoreError with the text, and dispatch is paused until resume.

    Records and rows between begin and commit are one change, all or none. After a failure of
    either, rollback is called. Calls are serialised, and may not call the core that they store for.
    """

    @abstractmethod
    def begin(self) -> None:
        """A change begins."""

    @abstractmethod
    def append(self, record: Record) -> None:
        """A record of the change."""

    @abstractmethod
    def commit(self) -> None:
        """Makes the records and rows since begin durable."""

    @abstractmethod
    def rollback(self) -> None:
        """Forgets the records and rows since begin."""

    def row(self, row: Row) -> None:
        """A row as the change leaves it, after its records. Not overridden: none are wanted."""
        raise NotImplementedError

    def load(self, from_start: bool) -> Iterable[Union[Checkpoint, Tuple[int, bytes]]]:
        """The newest checkpoint, if there is one, then (seq, data) of every record after it;
        from_start: every record there is and no checkpoint. Not overridden: a store that only
        writes."""
        raise NotImplementedError

    def checkpoint(self, seq: int, time_ns: Optional[int], hash: int, data: bytes) -> None:
        """The whole book as of a record. Not overridden: there are no checkpoints."""
        raise NotImplementedError

    def close(self) -> None:
        """The core is closed."""

    def _attach(self, config: Any, hooks: Hooks, replaying: bool) -> None:
        self._claim(hooks)
        functions = _Functions(self, hooks.link)
        hooks.store_text = lambda: functions.text
        for name in ("begin", "append", "commit", "rollback", "load", "checkpoint", "message",
                     "close", "row"):
            optional = name in ("load", "checkpoint", "row")
            if optional and getattr(type(self), name) is getattr(Store, name):
                continue
            ctype = getattr(_abi, f"perp_store_{name}")
            setattr(config.store, name, hooks.keep(ctype(getattr(functions, name))))


class _Functions:
    """The functions of a perp_store, for a Store."""

    def __init__(self, store: Store, link: Link) -> None:
        self.store = store
        self.link = link
        self.text = ""

    def run(self, status: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """A method of the host; *status is preset to a failure."""
        book, me = self.link.book, threading.get_ident()
        threads = book.store_threads if book else []
        threads.append(me)
        try:
            try:
                function(*arguments)
                status[0] = Status.OK
            except (BusyError, CorruptError, NoMemoryError) as error:
                status[0] = error.status
                self.failed(error)
            except Exception as error:  # the status is preset to a failure of the store
                self.failed(error)
        except BaseException as error:  # goes on in the caller
            self.text = repr(error)
            self.link.interrupts[me] = error
        finally:
            threads.remove(me)

    def failed(self, error: Exception) -> None:
        self.text = str(error) or repr(error)
        logger.exception("the store failed")

    def begin(self, user: Any, status: Any) -> None:
        self.run(status, self.store.begin)

    def append(self, user: Any, record: Any, status: Any) -> None:
        self.run(status, lambda: self.store.append(Record._read(record.contents, None)))

    def row(self, user: Any, row: Any, status: Any) -> None:
        self.run(status, lambda: self.store.row(Row._read(row.contents)))

    def commit(self, user: Any, status: Any) -> None:
        self.run(status, self.store.commit)

    def rollback(self, user: Any) -> None:
        text_before = self.text  # the message is of what failed first
        self.run([0], self.store.rollback)
        self.text = text_before or self.text

    def load(self, user: Any, from_start: int, loader: Any, status: Any) -> None:
        self.run(status, self.load_into, from_start != 0, loader.contents)

    def load_into(self, from_start: bool, loader: Any) -> None:
        taken = c_int()
        for item in self.store.load(from_start):
            taken.value = Status.OK
            if isinstance(item, Checkpoint):
                data = as_bytes(item.data)
                loader.checkpoint(loader.user, u64("seq", item.seq), u64("hash", item.hash),
                                  c_char_p(data), len(data), byref(taken))
            else:
                seq, record = item
                data = as_bytes(record)
                loader.record(loader.user, u64("seq", seq), c_char_p(data), len(data),
                              byref(taken))
            if taken.value != Status.OK:
                raise error_of(taken.value, decoded(lib.perp_core_error(None)))

    def checkpoint(self, user: Any, seq: int, time_ns: int, checksum: int, data: Any, size: int,
                   status: Any) -> None:
        time = None if time_ns == _abi.PERP_TIME_NONE else time_ns
        self.run(status, lambda: self.store.checkpoint(seq, time, checksum, string_at(data, size)))

    def message(self, user: Any, out: Any, capacity: int) -> None:
        data = self.text.encode("utf-8", "replace")[: capacity - 1].replace(b"\0", b"?")
        memmove(out, data + b"\0", len(data) + 1)

    def close(self, user: Any) -> None:
        self.run([0], self.store.close)


def as_bytes(data: bytes) -> bytes:
    """What a store gives back of a record."""
    if not isinstance(data, bytes):
        raise ArgumentTypeError(f"load: bytes are wanted, not {show(data)}")
    return data
