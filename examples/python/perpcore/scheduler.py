"""Jobs: submit, tick, finish."""
from __future__ import annotations

import uuid
from ctypes import byref, c_size_t, c_uint32, create_string_buffer, sizeof
from typing import Any, List, Optional, Sequence, Tuple, Union

from . import _abi
from ._abi import JobState
from ._book import Book, ExchangeLike
from ._convert import JobId, Money, Time, flag, job_id, member, micros, moment, show, text, to_uuid, u32
from ._library import lib
from ._module import Module
from .errors import ArgumentTypeError
from .job import Job, JobInfo, JobResult, LegLike, as_job, given_micros, write_legs
from .types import Evaluation, FinishOutcome, Flattened, SchedulerState, TickResult


class Scheduler(Module):
    """`core.scheduler`."""

    def __init__(self, book: Book, kept: Any) -> None:
        super().__init__(book, kept)
        self._results: List[Any] = []

    def submit(self, job: Job, *, now: Time, actor: Optional[str] = None,
               reason: Optional[str] = None) -> uuid.UUID:
        """Queues a job and returns its id. The same id again is an ExistsError, or a
        ConflictError with other content, also after the job ended: a retry is safe."""
        given = as_job(job)._struct(self._book)
        self._change(lib.perp_scheduler_submit, self._book.scheduler, now, actor, reason, given)
        return to_uuid(given.job_id)

    def tick(self, *, now: Time, items: bool = True, actor: Optional[str] = None,
             reason: Optional[str] = None) -> TickResult:
        """One round: expire, evaluate, order, dispatch, commit, execute. items: False lists of
        the refused and skipped jobs only those whose reason changed. Where there is no execute callback, the jobs to send are the
        items of the kind `dispatched`."""
        want = flag("items", items)
        try:
            result = self._results.pop()  # its memory is used again
        except IndexError:
            result = _abi.perp_tick_result()
            lib.perp_tick_result_init(result)
            self._book.resources.append((lib.perp_tick_result_free, result))
        result.want_items = 2 if want else 1
        taken: List[TickResult] = []

        def run(*arguments: Any) -> int:
            # Read before the call is over: another thread may close the core right after it.
            status: int = lib.perp_scheduler_tick(*arguments)
            if not status:
                taken.append(TickResult._read(result, self._book))
            return status

        try:
            self._change(run, self._book.scheduler, now, actor, reason, result)
            return taken[0]
        finally:
            self._results.append(result)

    def finish(self, job: JobId, result: Optional[JobResult] = None, *, now: Time,
               from_orders: bool = False, actor: Optional[str] = None,
               reason: Optional[str] = None) -> FinishOutcome:
        """Books how a job went and releases its capital. A second report is an ExistsError and
        changes nothing. from_orders: its orders say it (`core.orders`), all of which must have
        ended; a result then has nothing but a dispatch."""
        its = flag("from_orders", from_orders)
        if its and result is None:
            result = JobResult()
        if not isinstance(result, JobResult):
            raise ArgumentTypeError(f"result: a JobResult is wanted, not {show(result)}")
        out = _abi.perp_finish_outcome(struct_size=sizeof(_abi.perp_finish_outcome))
        given = result._struct()
        given.from_orders = its
        self._change(lib.perp_scheduler_finish, self._book.scheduler, now, actor, reason,
                     byref(job_id("job", job)), byref(given), byref(out))
        return FinishOutcome._read(out, self._book)

    def close(self, job: JobId, *, pnl: Money = 0, volume: Money = 0, fees: Money = 0, now: Time,
              actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """What a job has open was closed outside the library: its lots are closed, what they hold is
        released, and the figures are booked. What a job of the library closes needs no call."""
        self._change(lib.perp_scheduler_close, self._book.scheduler, now, actor, reason,
                     byref(job_id("job", job)), micros("pnl", pnl), micros("volume", volume),
                     micros("fees", fees))

    def progress(self, job: JobId, legs: Sequence[LegLike], *, now: Time,
                 actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """Tells how far a job is that runs or is in doubt: what each of its legs has filled in all,
        as a LegResult or as the order that CCXT gives. Less than was told is a StaleError."""
        self._tell(lib.perp_scheduler_progress, job, legs, now, actor, reason)

    def amend(self, job: JobId, legs: Sequence[LegLike], *, now: Time,
              actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """Tells the truth later: what a job that does not run any more has filled in all. What is
        more than was known is booked as late fills."""
        self._tell(lib.perp_scheduler_amend, job, legs, now, actor, reason)

    def _tell(self, function: Any, job: JobId, legs: Sequence[LegLike], now: Time,
              actor: Optional[str], reason: Optional[str]) -> None:
        rows = (_abi.perp_leg_result * _abi.PERP_MAX_LEGS)()
        count = write_legs(legs, rows)
        self._change(function, self._book.scheduler, now, actor, reason,
                     byref(job_id("job", job)), rows, count)

    def _of_job(self, function: Any, job: JobId, now: Time, actor: Optional[str],
                reason: Optional[str]) -> None:
        self._change(function, self._book.scheduler, now, actor, reason,
                     byref(job_id("job", job)))

    def cancel(self, job: JobId, *, now: Time, actor: Optional[str] = None,
               reason: Optional[str] = None) -> None:
        """Ends a pending job, or a queued repair, which leaves the repair to the host. Of a job that
        runs it is a request: on_cancel is called, and the host answers by finishing it."""
        self._of_job(lib.perp_scheduler_cancel, job, now, actor, reason)

    def requeue(self, job: JobId, *, now: Time, actor: Optional[str] = None,
                reason: Optional[str] = None) -> None:
        """A job in doubt goes back to pending: nothing was sent."""
        self._of_job(lib.perp_scheduler_requeue, job, now, actor, reason)

    def flatten(self, *, key: JobId, now: Time, actor: str, reason: str,
                exchange: Optional[ExchangeLike] = None,
                base: Optional[str] = None) -> Tuple[Flattened, ...]:
        """Leaves: queues for every position (of an exchange, of a base, or all) a job that reduces
        what is left of it to nothing. They pass pause and kill switch. Their ids are key with 0, 1,
        2, … added to its last four bytes; a key that was used is an ExistsError."""
        count = self._book.value(lib.perp_instrument_count, self._book.pointer)
        rows = (_abi.perp_flatten_item * max(1, count))()
        result = _abi.perp_flatten_result()
        lib.perp_flatten_result_init(byref(result))
        result.items, result.capacity = rows, len(rows)
        self._change(lib.perp_scheduler_flatten, self._book.scheduler, now, actor, reason,
                     self._book.exchange_or_all(exchange),
                     None if base is None else text("base", base),
                     byref(job_id("key", key)), byref(result))
        return tuple(Flattened._read(rows[i], self._book)
                     for i in range(min(result.count, len(rows))))

    # ---- Control -----------------------------------------------------------------------------

    def pause(self, *, now: Time, actor: Optional[str] = None,
              reason: Optional[str] = None) -> None:
        """Stops new risk; reducing jobs and repairs go on."""
        self._change(lib.perp_scheduler_pause, self._book.scheduler, now, actor, reason)

    def resume(self, *, now: Time, actor: str, reason: str) -> None:
        """Goes on after a pause, or after the store failed."""
        self._change(lib.perp_scheduler_resume, self._book.scheduler, now, actor, reason)

    def kill(self, exchange: Optional[ExchangeLike] = None, *, now: Time,
             actor: Optional[str] = None, reason: Optional[str] = None) -> Tuple[uuid.UUID, ...]:
        """The kill switch on, for one exchange or for all. Returns the jobs that run there, in
        order of dispatch, whose orders the host must cancel."""
        where = self._book.exchange_or_all(exchange)
        capacity = self.query().running + 64
        count = c_uint32()
        while True:
            jobs = (_abi.perp_uuid * capacity)()
            self._change(lib.perp_scheduler_kill, self._book.scheduler, now, actor, reason, 1,
                         where, jobs, capacity, byref(count))
            if count.value <= capacity:
                return tuple(to_uuid(jobs[i]) for i in range(count.value))
            capacity = count.value  # others were dispatched meanwhile; on again lists them all

    def release_kill(self, exchange: Optional[ExchangeLike] = None, *, now: Time, actor: str,
                     reason: str) -> None:
        """The kill switch off. That for all and those of exchanges are independent."""
        self._change(lib.perp_scheduler_kill, self._book.scheduler, now, actor, reason, 0,
                     self._book.exchange_or_all(exchange), None, 0, None)

    def set_limits(self, *, now: Time, max_global_concurrent_jobs: Optional[int] = None,
                   max_dispatch_per_minute: Optional[int] = None,
                   exchange: Optional[ExchangeLike] = None, max_concurrent: Optional[int] = None,
                   max_notional: Optional[Money] = None, actor: Optional[str] = None,
                   reason: Optional[str] = None) -> None:
        """New limits; None: as it is. The last two are of one exchange. Raising one takes actor
        and reason."""
        limits = _abi.perp_limits()
        lib.perp_limits_init(byref(limits))
        if max_global_concurrent_jobs is not None:
            limits.max_global_concurrent_jobs = u32(
                "max_global_concurrent_jobs", max_global_concurrent_jobs)
        if max_dispatch_per_minute is not None:
            limits.max_dispatch_per_minute = u32(
                "max_dispatch_per_minute", max_dispatch_per_minute)
        if exchange is not None:
            limits.exchange = self._book.exchange_id(exchange)
        if max_concurrent is not None:
            limits.max_concurrent = u32("max_concurrent", max_concurrent)
        if max_notional is not None:
            limits.max_notional = given_micros("max_notional", max_notional)
        self._change(lib.perp_scheduler_set_limits, self._book.scheduler, now, actor, reason,
                     byref(limits))

    # ---- Looking -----------------------------------------------------------------------------

    def job(self, job: JobId) -> JobInfo:
        """A job and what became of it, as long as it is among the last `history_size`."""
        out = _abi.perp_job_info(struct_size=sizeof(_abi.perp_job_info))
        self._book.call(lib.perp_scheduler_job, self._book.scheduler, byref(job_id("job", job)),
                        byref(out))
        return JobInfo._read(out, self._book)

    def evaluate(self, job: JobId, *, now: Time) -> Evaluation:
        """What a tick would decide of a pending job, and every number behind it, by what was learnt
        at submit, too. Changes nothing; a NotFoundError where no such job is pending."""
        out = _abi.perp_evaluation()
        lib.perp_evaluation_init(out)
        self._book.call(lib.perp_scheduler_evaluate, self._book.scheduler, moment("now", now),
                        byref(job_id("job", job)), out)
        return Evaluation._read(out, self._book)

    def job_metadata(self, job: JobId) -> bytes:
        """The metadata that a job was submitted with, as long as the job is known, also after a
        restart. b"" where it had none, and for a repair."""
        out, size = create_string_buffer(_abi.PERP_MAX_METADATA), c_size_t()
        self._book.call(lib.perp_scheduler_job_metadata, self._book.scheduler,
                        byref(job_id("job", job)), out, sizeof(out), byref(size))
        return out.raw[:size.value]

    def list(self, state: Union[JobState, str]) -> Tuple[uuid.UUID, ...]:
        """Ids of jobs in a state: pending in order of submit, running (and in doubt, asked with
        either) in order of dispatch, ended newest first."""
        rows, count = self._book.rows(_abi.perp_uuid, lib.perp_scheduler_list,
                                      self._book.scheduler, int(member("state", JobState, state)))
        return tuple(to_uuid(rows[i]) for i in range(count))

    def query(self) -> SchedulerState:
        """Counts of jobs."""
        out = _abi.perp_scheduler_state(struct_size=sizeof(_abi.perp_scheduler_state))
        self._book.call(lib.perp_scheduler_query, self._book.scheduler, byref(out))
        return SchedulerState._read(out, self._book)
