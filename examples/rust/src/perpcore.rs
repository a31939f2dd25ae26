//! A small safe layer over libperpcore's C ABI: a book that closes itself, errors as values, money
//! as a type of its own, and an executor whose panic is the safe answer.
//!
//! Plain data (`perp_capital_state` and the like) is handed on as the C structs are; what holds
//! pointers is wrapped, so that no safe code can hand the library a dangling one.
use std::ffi::{CStr, CString};
use std::fmt;
use std::mem;
use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

/// The declarations that bindgen made from the public headers.
#[allow(non_camel_case_types, non_upper_case_globals, non_snake_case)]
pub mod c {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

/// Money: integer micro-dollars, never a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub i64);

impl Usd {
    /// Panics where the amount does not fit, some nine million million dollars.
    pub fn dollars(amount: i64) -> Usd {
        Usd(amount.checked_mul(c::PERP_USD_VALUE).expect("too many dollars"))
    }
}

/// Dollars with two decimals, and more where there are more.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let micros = self.0.unsigned_abs();
        let dollar = c::PERP_USD_VALUE.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let decimals = format!("{:06}", micros % dollar);
        let (cents, rest) = decimals.split_at(2);
        write!(f, "{}{}.{}{}", sign, micros / dollar, cents, rest.trim_end_matches('0'))
    }
}

/// What a failed call says: its status, and the library's one line about it.
#[derive(Debug)]
pub struct Error {
    pub status: c::perp_status,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = unsafe { text(c::perp_status_string(self.status)) };
        write!(f, "{}: {}", name, self.message)
    }
}

impl std::error::Error for Error {}

/// The message is this thread's until its next call, so it is copied at once.
fn check(core: *const c::perp_core, status: c::perp_status) -> Result<()> {
    if status == c::PERP_OK {
        return Ok(());
    }
    let message = unsafe { text(c::perp_core_error(core)) }.to_owned();
    Err(Error { status, message })
}

fn invalid(what: &str, value: &str) -> Error {
    let message = format!("{}: {:?}", what, value);
    Error { status: c::PERP_E_INVALID, message }
}

/// A text of the library; the caller knows how long it lives.
unsafe fn text<'a>(text: *const c_char) -> &'a str {
    CStr::from_ptr(text).to_str().expect("the library's texts are UTF-8")
}

/// An array of the library; NULL where it has no rows.
unsafe fn rows_at<'a, T>(rows: *const T, n: u32) -> &'a [T] {
    match n {
        0 => &[],
        n => std::slice::from_raw_parts(rows, n as usize),
    }
}

fn c_string(value: &str) -> Result<CString> {
    CString::new(value).map_err(|_| invalid("a text with a zero byte in it", value))
}

/// A name in a struct. One that does not fit is an error, never cut off.
fn name(value: &str) -> Result<[c_char; c::PERP_NAME_SIZE as usize]> {
    let mut field = [0; c::PERP_NAME_SIZE as usize];
    let bytes = value.as_bytes();
    if bytes.len() >= field.len() || bytes.contains(&0) {
        return Err(invalid("a name of at most 63 bytes without a zero in it", value));
    }
    for (to, from) in field.iter_mut().zip(bytes) {
        *to = *from as c_char;
    }
    Ok(field)
}

/// A struct as its init function fills it.
fn init<T>(fill: unsafe extern "C" fn(*mut T)) -> T {
    unsafe {
        let mut value = mem::zeroed();
        fill(&mut value);
        value
    }
}

/// A struct that the library fills: its first field says how large it is.
///
/// # Safety
/// T is a C struct of numbers and pointers that begins with `uint32_t struct_size`.
unsafe fn sized<T>() -> T {
    let mut value: T = mem::zeroed();
    *(&mut value as *mut T as *mut u32) = mem::size_of::<T>() as u32;
    value
}

/// The names of the closed lists; static in the library.
macro_rules! names {
    ($($rust:ident = $function:ident;)*) => {
        $(pub fn $rust(value: u32) -> &'static str {
            unsafe { text(c::$function(value)) }
        })*
    };
}
names! {
    reason_name = perp_reason_string;
    side_name = perp_side_string;
    job_state_name = perp_job_state_string;
    system_name = perp_system_string;
}

/// The id of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId(pub [u8; 16]);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut buffer = [0 as c_char; 37];
        let text = unsafe {
            c::perp_uuid_format(&self.raw(), buffer.as_mut_ptr());
            text(buffer.as_ptr())
        };
        f.write_str(text)
    }
}

impl JobId {
    fn raw(&self) -> c::perp_uuid {
        c::perp_uuid { bytes: self.0 }
    }
}

/// When, and where it matters by whom and why, a call that changes the book is made.
pub struct Call {
    now_ns: i64,
    by: Option<(CString, CString)>,
}

impl Call {
    pub fn at(now_ns: i64) -> Call {
        Call { now_ns, by: None }
    }

    /// Taking a protection away needs an actor and a reason.
    pub fn by(self, actor: &str, reason: &str) -> Result<Call> {
        let by = Some((c_string(actor)?, c_string(reason)?));
        Ok(Call { by, ..self })
    }

    /// Its texts live as long as self.
    fn raw(&self) -> c::perp_call {
        let mut call = init(c::perp_call_init);
        call.now_ns = self.now_ns;
        if let Some((actor, reason)) = &self.by {
            call.actor = actor.as_ptr();
            call.reason = reason.as_ptr();
        }
        call
    }
}

/// A hedge job to submit.
pub struct Job(c::perp_job);

impl Job {
    pub fn new(id: JobId, strategy: c::perp_strategy, notional: Usd, edge_bps: f64) -> Job {
        let mut job = init(c::perp_job_init);
        job.job_id = id.raw();
        job.strategy = strategy;
        job.notional = notional.0;
        job.expected_edge_bps = edge_bps;
        Job(job)
    }

    pub fn legs(&self) -> &[c::perp_leg] {
        &self.0.legs[..self.0.n_legs as usize]
    }

    /// The legs by hand; `Core::fill_hedge` makes them from two instruments.
    pub fn leg(mut self, instrument: u32, side: c::perp_side, quantity: f64) -> Result<Job> {
        let n = self.0.n_legs as usize;
        if n == self.0.legs.len() {
            return Err(invalid("a job has room for fewer legs", &format!("{}", n + 1)));
        }
        self.0.legs[n].instrument = instrument;
        self.0.legs[n].side = side;
        self.0.legs[n].quantity = quantity;
        self.0.n_legs += 1;
        Ok(self)
    }
}

/// What the executor is given; valid during the call.
pub struct Execution<'a>(&'a c::perp_execution);

impl Execution<'_> {
    pub fn job_id(&self) -> JobId {
        JobId(self.0.job_id.bytes)
    }

    pub fn notional(&self) -> Usd {
        Usd(self.0.notional)
    }

    pub fn orders(&self) -> &[c::perp_order] {
        unsafe { rows_at(self.0.orders, self.0.n_orders) }
    }
}

/// What the executor answers. Refused: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Outcome {
    InDoubt = c::PERP_OUTCOME_IN_DOUBT,
    Accepted = c::PERP_OUTCOME_ACCEPTED,
    Refused = c::PERP_OUTCOME_REFUSED,
}

/// Sends the orders of a job. Where it panics the job is in doubt, with its capital held.
pub trait Executor: Send {
    fn execute(&self, job: &Execution) -> Outcome;
}

/// No panic may leave a function that C calls. The outcome is preset to in doubt, and stays so.
unsafe extern "C" fn execute(user: *mut c_void, job: *const c::perp_execution, out: *mut u32) {
    let run = || (*(user as *const Box<dyn Executor>)).execute(&Execution(&*job));
    if let Ok(outcome) = catch_unwind(AssertUnwindSafe(run)) {
        *out = outcome as u32;
    }
}

/// What was filled of one leg.
pub struct Fill {
    pub quantity: f64,
    pub price: f64,
    pub fee: Usd,
}

/// One change of the book.
pub struct Change {
    pub seq: u64,
    pub kind: String,
    pub job: Option<JobId>,
}

/// What a tick did with each job that it looked at, and in all.
pub struct Tick {
    pub dispatched: u32,
    pub refused: u32,
    pub pending: u32,
    pub running: u32,
    pub items: Vec<c::perp_tick_item>,
}

/// One trading book. Dropping it closes it.
pub struct Core {
    core: *mut c::perp_core,
    executor: *mut Box<dyn Executor>, // the library's user pointer; outlives the core
}

// Any thread may call the library. Not Sync: a feed may have one thread per instrument only, which
// a layer for many threads would have to see to.
unsafe impl Send for Core {}

impl Drop for Core {
    fn drop(&mut self) {
        unsafe {
            // A book in use stays open, and needs its executor. NULL is closed already.
            if c::perp_core_close(self.core) != c::PERP_E_STATE {
                drop(Box::from_raw(self.executor));
            }
        }
    }
}

impl Core {
    /// Opens the book that is kept in an SQLite file, or makes both.
    pub fn open(store: &str, executor: Box<dyn Executor>) -> Result<Core> {
        let path = c_string(store)?;
        let executor = Box::into_raw(Box::new(executor));
        let mut book = Core { core: ptr::null_mut(), executor };
        let mut config = init(c::perp_config_init);
        config.callbacks.user = executor as *mut c_void;
        config.callbacks.execute = Some(execute);
        unsafe {
            let store = &mut config.store; // perp_core_open takes it over, also where it fails
            check(ptr::null(), c::perp_store_sqlite_open(path.as_ptr(), ptr::null(), store))?;
            check(ptr::null(), c::perp_core_open(&config, &mut book.core))?;
        }
        Ok(book)
    }

    /// Closes the book, and says where what waited for the store is lost.
    pub fn close(mut self) -> Result<()> {
        let status = unsafe { c::perp_core_close(self.core) };
        if status != c::PERP_E_STATE {
            self.core = ptr::null_mut();
        }
        check(ptr::null(), status)
    }

    fn check(&self, status: c::perp_status) -> Result<()> {
        check(self.core, status)
    }

    fn capital_module(&self) -> *mut c::perp_capital {
        unsafe { c::perp_core_capital(self.core) }
    }

    fn risk(&self) -> *mut c::perp_risk {
        unsafe { c::perp_core_risk(self.core) }
    }

    fn scheduler(&self) -> *mut c::perp_scheduler {
        unsafe { c::perp_core_scheduler(self.core) }
    }

    /// An account on a venue. One that the store knows already is no error: it has its id.
    pub fn add_exchange(&self, account: &str, venue: &str, taker_fee_bps: f64) -> Result<u32> {
        let mut spec = init(c::perp_exchange_spec_init);
        spec.name = name(account)?;
        spec.venue = name(venue)?;
        spec.taker_fee_bps = taker_fee_bps;
        let mut id = c::PERP_NO_ID;
        match unsafe { c::perp_exchange_add(self.core, &spec, &mut id) } {
            c::PERP_E_EXISTS => Ok(id),
            status => self.check(status).map(|_| id),
        }
    }

    pub fn add_instrument(&self, exchange: u32, symbol: &str, qty_step: f64) -> Result<u32> {
        let mut spec = init(c::perp_instrument_spec_init);
        spec.exchange = exchange;
        spec.symbol = name(symbol)?;
        spec.qty_step = qty_step;
        let mut id = c::PERP_NO_ID;
        match unsafe { c::perp_instrument_add(self.core, &spec, &mut id) } {
            c::PERP_E_EXISTS => Ok(id),
            status => self.check(status).map(|_| id),
        }
    }

    /// Reports an account on which nothing is open. Nothing trades on one that was not reported.
    pub fn report_flat_account(&self, call: &Call, exchange: u32, equity: Usd) -> Result<()> {
        let mut report = init(c::perp_account_report_init);
        report.exchange = exchange;
        report.has_equity = 1;
        report.equity = equity.0;
        self.check(unsafe { c::perp_account(self.core, &call.raw(), &report) })
    }

    pub fn quote(
        &self,
        instrument: u32,
        time_ns: i64,
        bid: f64,
        ask: f64,
        size: f64,
    ) -> Result<()> {
        let mut quote: c::perp_quote = unsafe { mem::zeroed() };
        quote.instrument = instrument;
        quote.time_ns = time_ns;
        quote.bid = bid;
        quote.ask = ask;
        quote.bid_size = size;
        quote.ask_size = size;
        self.check(unsafe { c::perp_market_on_quote(c::perp_core_market(self.core), &quote) })
    }

    /// Gives a job its two legs: it buys where that is cheaper after fees, and sells as much on the
    /// other exchange.
    pub fn fill_hedge(&self, now_ns: i64, first: u32, second: u32, job: Job) -> Result<Job> {
        let mut job = job;
        let status =
            unsafe { c::perp_job_fill_hedge(self.core, now_ns, first, second, &mut job.0) };
        self.check(status).map(|_| job)
    }

    /// Whether a job would run now, and why not. Changes nothing.
    pub fn evaluate(&self, now_ns: i64, job: &Job) -> Result<c::perp_evaluation> {
        let mut evaluation = init(c::perp_evaluation_init);
        let status = unsafe { c::perp_risk_evaluate(self.risk(), now_ns, &job.0, &mut evaluation) };
        self.check(status).map(|_| evaluation)
    }

    /// Every number of an evaluation as JSON.
    pub fn explain(&self, evaluation: &c::perp_evaluation) -> Result<String> {
        self.json(|buffer, capacity| {
            let mut length = 0;
            let status = unsafe {
                let room = capacity as _;
                c::perp_evaluation_json(self.core, evaluation, buffer, room, &mut length)
            };
            (status, length as usize)
        })
    }

    /// The whole state as JSON.
    pub fn state_json(&self, now_ns: i64) -> Result<String> {
        self.json(|buffer, capacity| {
            let mut length = 0;
            let status = unsafe {
                c::perp_monitor_json(self.core, now_ns, buffer, capacity as _, &mut length)
            };
            (status, length as usize)
        })
    }

    /// Tries a buffer, and where it is too small one of the length that was asked for.
    fn json(
        &self,
        write: impl Fn(*mut c_char, usize) -> (c::perp_status, usize),
    ) -> Result<String> {
        let mut buffer = vec![0u8; 1024];
        loop {
            let (status, length) = write(buffer.as_mut_ptr() as *mut c_char, buffer.len());
            if status == c::PERP_E_RANGE && length >= buffer.len() {
                buffer.resize(length + 1, 0); // and the terminating zero
                continue;
            }
            self.check(status)?;
            buffer.truncate(length);
            return Ok(String::from_utf8(buffer).expect("the library's texts are UTF-8"));
        }
    }

    /// Lets soft rules pass for a time. Hard ones, the self-trade rule first, it does not touch.
    pub fn manual_override(&self, call: &Call, on: bool) -> Result<()> {
        self.check(unsafe {
            let (ttl_ms, job) = (c::PERP_TIME_NONE_VALUE, ptr::null()); // as configured; any job
            c::perp_risk_manual_override(self.risk(), &call.raw(), on as u32, ttl_ms, job)
        })
    }

    pub fn submit(&self, call: &Call, job: &Job) -> Result<()> {
        self.check(unsafe { c::perp_scheduler_submit(self.scheduler(), &call.raw(), &job.0) })
    }

    /// One round of the scheduler; calls the executor for each job that may run.
    pub fn tick(&self, call: &Call) -> Result<Tick> {
        let mut result = init(c::perp_tick_result_init);
        let status = unsafe { c::perp_scheduler_tick(self.scheduler(), &call.raw(), &mut result) };
        let done = self.check(status);
        let items = unsafe { rows_at(result.items, result.n_items) }.to_vec();
        unsafe { c::perp_tick_result_free(&mut result) };
        done.map(|_| Tick {
            dispatched: result.dispatched,
            refused: result.refused,
            pending: result.pending,
            running: result.running,
            items,
        })
    }

    /// Books what the exchanges reported, leg by leg; the state that the job is in then.
    pub fn finish(
        &self,
        call: &Call,
        job: JobId,
        status: c::perp_result_status,
        fills: &[Fill],
    ) -> Result<c::perp_job_state> {
        let mut result = init(c::perp_job_result_init);
        if fills.len() > result.legs.len() {
            return Err(invalid("more fills than legs", &format!("{}", fills.len())));
        }
        result.status = status;
        result.n_legs = fills.len() as u32;
        for (leg, fill) in result.legs.iter_mut().zip(fills) {
            leg.filled = fill.quantity;
            leg.price = fill.price;
            leg.fee = fill.fee.0;
            leg.time_ns = c::PERP_TIME_NONE_VALUE;
        }
        let mut outcome: c::perp_finish_outcome = unsafe { sized() };
        let (scheduler, call, id) = (self.scheduler(), call.raw(), job.raw());
        self.check(unsafe {
            c::perp_scheduler_finish(scheduler, &call, &id, &result, &mut outcome)
        })?;
        Ok(outcome.state)
    }

    /// A job in doubt of which the exchanges surely know nothing waits again.
    pub fn requeue(&self, call: &Call, job: JobId) -> Result<()> {
        self.check(unsafe { c::perp_scheduler_requeue(self.scheduler(), &call.raw(), &job.raw()) })
    }

    pub fn jobs(&self, state: c::perp_job_state) -> Result<Vec<JobId>> {
        let ids = self.rows(|rows, capacity, count| unsafe {
            c::perp_scheduler_list(self.scheduler(), state, rows, capacity, count)
        })?;
        Ok(ids.iter().map(|id| JobId(id.bytes)).collect())
    }

    pub fn capital(&self, exchange: u32) -> Result<c::perp_capital_state> {
        let mut state: c::perp_capital_state = unsafe { sized() };
        let capital = self.capital_module();
        self.check(unsafe { c::perp_capital_snapshot(capital, exchange, &mut state) })?;
        Ok(state)
    }

    /// The whole state as a struct, some 90 KB of it.
    pub fn snapshot(&self, now_ns: i64) -> Result<Box<c::perp_monitor_state>> {
        let mut state: Box<c::perp_monitor_state> = Box::new(unsafe { sized() });
        self.check(unsafe { c::perp_monitor_snapshot(self.core, now_ns, &mut *state) })?;
        Ok(state)
    }

    /// The changes of the book after one that was seen.
    pub fn changes(&self, after: u64) -> Result<Vec<Change>> {
        let rows = self.rows(|rows: *mut c::perp_change, capacity, count| unsafe {
            c::perp_monitor_changes(self.core, after, rows, capacity, count)
        })?;
        let change = |row: &c::perp_change| Change {
            seq: row.seq,
            kind: unsafe { text(row.kind) }.to_owned(),
            job: (row.has_job == 1).then(|| JobId(row.job_id.bytes)),
        };
        Ok(rows.iter().map(change).collect())
    }

    /// Calls that fill rows say how many there are: asks once for the number, then for the rows.
    fn rows<T: Copy>(
        &self,
        fill: impl Fn(*mut T, u32, *mut u32) -> c::perp_status,
    ) -> Result<Vec<T>> {
        let mut rows: Vec<T> = Vec::new();
        loop {
            let mut count = 0;
            self.check(fill(rows.as_mut_ptr(), rows.len() as u32, &mut count))?;
            let enough = count as usize <= rows.len();
            rows.resize(count as usize, unsafe { mem::zeroed() });
            if enough {
                return Ok(rows);
            }
        }
    }

    /// A hash of all that is stored; equal books have equal ones.
    pub fn hash(&self) -> u64 {
        unsafe { c::perp_core_hash(self.core) }
    }

    /// Checks every invariant of the book.
    pub fn audit(&self) -> Result<()> {
        self.check(unsafe { c::perp_core_check(self.core) })
    }
}
