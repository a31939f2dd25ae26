"""Jobs for `executor.py` to execute, which a strategy would make: of each symbol some hedges, then
what closes them, since jobs of both directions can't run in one book at once."""
from __future__ import annotations

import random
import time
import uuid
from dataclasses import replace
from typing import List, Optional, Sequence

from perpcore import Core, Instrument, Job, NotFoundError, StateError

HEDGES: List[Optional[uuid.UUID]] = [None] * 4


def make_jobs(core: Core, pairs: Sequence[Sequence[Instrument]], most: int) -> None:
    """pairs: the same symbol on two exchanges. most: jobs in all, also those of earlier runs."""
    scheduler = core.scheduler
    at_work = {leg.instrument for state in ("pending", "running") for job in scheduler.list(state)
               for leg in scheduler.job(job).job.legs}
    for pair in pairs:
        if at_work.intersection(pair):
            continue
        opened = [job for state in ("open", "partial") for job in scheduler.list(state)
                  if scheduler.job(job).job.legs[0].instrument in pair]
        for closes in opened or HEDGES:
            try:
                job = make_job(core, pair, closes)
            except (StateError, NotFoundError):
                break  # no quote yet, or nothing is left of it
            if scheduler.query().submitted_total < most:
                scheduler.submit(job, now=time.time_ns())


def make_job(core: Core, pair: Sequence[Instrument], closes: Optional[uuid.UUID]) -> Job:
    now = time.time_ns()
    if closes is None:
        first, second = random.sample(pair, 2)
        wanted = Job(uuid.uuid4(), "wash", random.randint(700, 2000), expected_edge_bps=50.0)
        job = core.fill_hedge(wanted, first, second, now=now)
    else:
        job = core.fill_exit(closes, uuid.uuid4(), now=now)
    maker = random.randrange(3)  # one in three has none
    return replace(job, legs=[replace(leg, maker=i == maker) for i, leg in enumerate(job.legs)])


def is_done(core: Core, most: int) -> bool:
    """All are made and have ended, and nothing is to be repaired."""
    state = core.scheduler.query()
    return (state.submitted_total >= most and state.pending + state.running == 0
            and not any(base.is_naked for base in core.positions.bases(now=time.time_ns())))
