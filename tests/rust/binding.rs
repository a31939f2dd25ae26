//! What the safe layer of examples/rust promises. The layout tests that bindgen writes are a part
//! of this program, too, since the layer includes its declarations.
#[allow(dead_code)]
#[path = "../../examples/rust/src/perpcore.rs"]
mod perpcore;

use perpcore::{c, Call, Core, Execution, Executor, Fill, Job, JobId, Outcome, Result, Usd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;
const NOW: i64 = 1_767_225_600 * SECOND;

/// Answers what it is told to, None panics; counts its end.
struct Desk {
    answer: Option<Outcome>,
    drops: Arc<AtomicU32>,
}

impl Executor for Desk {
    fn execute(&self, _: &Execution) -> Outcome {
        self.answer.expect("a panic of the executor")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
    }
}

fn desk(answer: Option<Outcome>) -> Box<Desk> {
    Box::new(Desk { answer, drops: Arc::default() })
}

/// A store of a test's own, in the folder that run.sh has emptied.
fn store(test: &str) -> String {
    format!("{}/{}.db", std::env::var("STORES").expect("STORES names a folder"), test)
}

fn id(number: u8) -> JobId {
    JobId([number; 16])
}

fn arb() -> Job {
    Job::new(id(1), c::PERP_STRATEGY_ARB, Usd::dollars(1500), 12.0)
}

/// A book with two exchanges, on which a hedged job was dispatched.
fn dispatched(test: &str, answer: Option<Outcome>) -> Result<Core> {
    let book = Core::open(&store(test), desk(answer))?;
    let mut instruments = [0; 2];
    for (i, name) in ["north", "south"].into_iter().enumerate() {
        let exchange = book.add_exchange(name, name, 2.0)?;
        instruments[i] = book.add_instrument(exchange, "BTC/USDT:USDT", 0.0001)?;
        book.report_flat_account(&Call::at(NOW), exchange, Usd::dollars(100_000))?;
        let bid = 59_999.0 + 60.0 * i as f64;
        book.quote(instruments[i], NOW, bid, bid + 2.0, 2.0)?;
    }
    let job = book.fill_hedge(NOW, instruments[0], instruments[1], arb())?;
    book.submit(&Call::at(NOW), &job)?;
    assert_eq!(book.tick(&Call::at(NOW))?.dispatched, 1);
    Ok(book)
}

fn in_flight(book: &Core) -> Usd {
    Usd(book.capital(0).unwrap().total_in_flight)
}

#[test]
fn money_is_shown_to_the_micro_dollar() {
    assert_eq!(Usd(0).to_string(), "0.00");
    assert_eq!(Usd::dollars(1500).to_string(), "1500.00");
    assert_eq!(Usd(-1).to_string(), "-0.000001");
    assert_eq!(Usd(1_500_025_000).to_string(), "1500.025");
    assert_eq!(Usd(i64::MIN).to_string(), "-9223372036854.775808");
}

#[test]
#[should_panic(expected = "too many dollars")]
fn money_does_not_wrap() {
    Usd::dollars(i64::MAX / 1000);
}

#[test]
fn a_panic_of_the_executor_leaves_the_job_in_doubt_and_its_capital_held() {
    let book = dispatched("panic", None).unwrap();
    assert_eq!(book.jobs(c::PERP_JOB_IN_DOUBT).unwrap(), [id(1)]);
    assert_eq!(in_flight(&book), Usd::dollars(1500));
    book.audit().unwrap();
}

#[test]
fn an_executor_that_refuses_ends_the_job_and_frees_its_capital() {
    let book = dispatched("refused", Some(Outcome::Refused)).unwrap();
    assert_eq!(book.jobs(c::PERP_JOB_FAILED).unwrap(), [id(1)]);
    assert_eq!(in_flight(&book), Usd(0));
}

#[test]
fn an_executor_in_doubt_is_no_panic() {
    let book = dispatched("doubt", Some(Outcome::InDoubt)).unwrap();
    assert_eq!(book.jobs(c::PERP_JOB_IN_DOUBT).unwrap(), [id(1)]);
}

#[test]
fn a_job_is_finished_once() {
    let book = dispatched("once", Some(Outcome::Accepted)).unwrap();
    let fill = |price| Fill { quantity: 0.025, price, fee: Usd(300_000) };
    let fills = [fill(60_001.0), fill(60_059.0)];
    let finish = || book.finish(&Call::at(NOW), id(1), c::PERP_RESULT_COMPLETED, &fills);
    assert_eq!(finish().unwrap(), c::PERP_JOB_OPEN);
    assert_eq!(finish().unwrap_err().status, c::PERP_E_EXISTS);
    assert_eq!(Usd(book.capital(0).unwrap().today.volume), Usd(1_500_025_000));
}

#[test]
fn the_book_is_the_same_after_a_restart_and_one_writer_has_it() {
    let book = dispatched("restart", Some(Outcome::Accepted)).unwrap();
    let hash = book.hash();
    let second = Core::open(&store("restart"), desk(None)).err().unwrap();
    assert_eq!(second.status, c::PERP_E_BUSY);
    assert!(!second.message.is_empty());
    assert_eq!(book.hash(), hash);
    drop(book);
    let book = Core::open(&store("restart"), desk(None)).unwrap();
    assert_eq!(book.hash(), hash);
    assert_eq!(book.jobs(c::PERP_JOB_IN_DOUBT).unwrap(), [id(1)]);
    assert_eq!(book.add_exchange("north", "north", 2.0).unwrap(), 0); // known already
    book.requeue(&Call::at(NOW), id(1)).unwrap();
    assert_eq!(book.jobs(c::PERP_JOB_PENDING).unwrap(), [id(1)]);
}

#[test]
fn a_job_that_could_trade_with_itself_is_refused_whoever_overrides() {
    let book = dispatched("self_trade", Some(Outcome::Accepted)).unwrap();
    // Another account at the venue of the first exchange.
    let sub = book.add_exchange("north-2", "north", 2.0).unwrap();
    let same_book = book.add_instrument(sub, "BTC/USDT:USDT", 0.0001).unwrap();
    book.report_flat_account(&Call::at(NOW), sub, Usd::dollars(100_000)).unwrap();
    book.quote(same_book, NOW, 60_059.0, 60_061.0, 2.0).unwrap();
    book.manual_override(&Call::at(NOW).by("test", "soft rules only").unwrap(), true).unwrap();
    let own = Job::new(id(2), c::PERP_STRATEGY_WASH, Usd::dollars(1500), 12.0);
    let own = own.leg(0, c::PERP_SIDE_BUY, 0.025).unwrap();
    let own = own.leg(same_book, c::PERP_SIDE_SELL, 0.025).unwrap();
    let evaluation = book.evaluate(NOW, &own).unwrap();
    assert_eq!((evaluation.accepted, evaluation.reason), (0, c::PERP_REASON_SELF_TRADE));
    assert!(book.explain(&evaluation).unwrap().contains("\"reason\":\"self_trade\""));
    let error = book.submit(&Call::at(NOW), &own).unwrap_err();
    assert_eq!(error.status, c::PERP_E_INVALID);
    assert!(error.message.contains("self trade"), "{}", error);
}

#[test]
fn an_override_without_an_actor_is_refused_with_a_message() {
    let book = dispatched("actor", Some(Outcome::Accepted)).unwrap();
    let error = book.manual_override(&Call::at(NOW), true).unwrap_err();
    assert_eq!(error.status, c::PERP_E_INVALID);
    assert!(error.to_string().starts_with("PERP_E_INVALID: "), "{}", error);
    assert!(error.message.contains("actor"), "{}", error);
}

#[test]
fn names_are_never_cut_off() {
    let book = Core::open(&store("names"), desk(None)).unwrap();
    let longest = "x".repeat(63);
    let id = book.add_exchange(&longest, &longest, 2.0).unwrap();
    for bad in ["x".repeat(64), "a\0b".to_string(), String::new()] {
        assert_eq!(book.add_exchange(&bad, "", 2.0).unwrap_err().status, c::PERP_E_INVALID);
        assert_eq!(book.add_instrument(id, &bad, 0.0).unwrap_err().status, c::PERP_E_INVALID);
    }
    assert!(Core::open("a\0b", desk(None)).is_err());
    assert!(Call::at(NOW).by("a\0b", "").is_err());
}

#[test]
fn a_book_that_can_not_be_opened_says_why_and_keeps_nothing() {
    let executor = desk(None);
    let drops = executor.drops.clone();
    let error = Core::open("/no/such/folder/book.db", executor).err().unwrap();
    assert_eq!(error.status, c::PERP_E_STORE);
    assert!(!error.message.is_empty());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn the_executor_lives_as_long_as_the_book() {
    let executor = desk(None);
    let drops = executor.drops.clone();
    let book = Core::open(&store("lifetime"), executor).unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(book);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn messages_belong_to_the_thread_that_failed() {
    let fail = |text: &'static str| unsafe {
        let mut config = std::mem::zeroed();
        c::perp_config_init(&mut config);
        let json = format!("{{\"{}\":1}}", text);
        let status = c::perp_config_from_json(json.as_ptr() as _, json.len() as _, &mut config);
        assert_eq!(status, c::PERP_E_CONFIG);
    };
    let message = || unsafe {
        let text = std::ffi::CStr::from_ptr(c::perp_core_error(std::ptr::null()));
        text.to_str().unwrap().to_string()
    };
    fail("mine");
    std::thread::spawn(move || {
        assert_eq!(message(), "");
        fail("theirs");
        assert!(message().contains("theirs"), "{}", message());
    })
    .join()
    .unwrap();
    assert!(message().contains("mine"), "{}", message());
}

#[test]
fn a_book_may_go_to_another_thread() {
    let book = dispatched("threads", Some(Outcome::Accepted)).unwrap();
    std::thread::spawn(move || {
        assert_eq!(book.capital(99).unwrap_err().status, c::PERP_E_NOT_FOUND);
        assert_eq!(in_flight(&book), Usd::dollars(1500));
    })
    .join()
    .unwrap();
}

#[test]
fn json_and_rows_come_whole_whatever_their_length() {
    let book = dispatched("long", Some(Outcome::Accepted)).unwrap();
    for i in 0..40 {
        book.add_exchange(&format!("exchange {}", i), "", 2.0).unwrap();
    }
    let json = book.state_json(NOW).unwrap();
    assert!(json.len() > 10_000 && json.starts_with('{') && json.ends_with('}'));
    assert!(json.contains("exchange 39"));
    let state = book.snapshot(NOW).unwrap();
    let changes = book.changes(0).unwrap();
    assert_eq!((state.n_exchanges, changes.len() as u64), (42, state.seq));
    assert!(changes.iter().zip(1..).all(|(change, seq)| change.seq == seq));
    assert_eq!(book.changes(state.seq + 1).err().unwrap().status, c::PERP_E_RANGE);
}
