//! A trading book in Rust: two exchanges, a hedged job, an executor that fails, a job that is
//! refused, a restart.
//!
//! usage: sample STORE   (a file that does not exist yet)
#[allow(dead_code)] // the layer has more than this sample uses
mod perpcore;

use perpcore::c;
use perpcore::{Call, Core, Execution, Executor, Fill, Job, JobId, Outcome, Result, Usd};
use std::path::Path;

const SYMBOL: &str = "BTC/USDT:USDT";
const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_767_225_600 * SECOND;

/// A job's number, as its id.
fn id(number: u8) -> JobId {
    let mut bytes = [0; 16];
    bytes[15] = number;
    JobId(bytes)
}

/// Stands for the code that sends orders. It panics on job 2, as a bug would.
struct Desk;

impl Executor for Desk {
    fn execute(&self, job: &Execution) -> Outcome {
        println!("  execute {} of {} USD", job.job_id(), job.notional());
        if job.job_id() == id(2) {
            panic!("a bug in the executor");
        }
        for order in job.orders() {
            let side = perpcore::side_name(order.side);
            println!(
                "    {} {} at {} on exchange {}",
                side, order.quantity, order.price, order.exchange
            );
        }
        Outcome::Accepted
    }
}

/// Two exchanges with a perpetual each, and what they quote now.
fn set_up(book: &Core, now: i64) -> Result<[u32; 2]> {
    let mut instruments = [0; 2];
    for (i, name) in ["north", "south"].into_iter().enumerate() {
        let exchange = book.add_exchange(name, name, 2.0)?;
        instruments[i] = book.add_instrument(exchange, SYMBOL, 0.0001)?;
        book.report_flat_account(&Call::at(now), exchange, Usd::dollars(100_000))?;
    }
    quotes(book, instruments, now)?;
    Ok(instruments)
}

fn quotes(book: &Core, instruments: [u32; 2], now: i64) -> Result<()> {
    book.quote(instruments[0], now, 59_999.0, 60_001.0, 2.0)?;
    book.quote(instruments[1], now, 60_059.0, 60_061.0, 2.0)
}

/// The library makes the legs: it buys where that is cheaper after fees.
fn hedged(book: &Core, now: i64, instruments: [u32; 2], number: u8) -> Result<Job> {
    let job = Job::new(id(number), c::PERP_STRATEGY_ARB, Usd::dollars(1500), 12.0);
    book.fill_hedge(now, instruments[0], instruments[1], job)
}

fn explain(book: &Core, now: i64, job: &Job) -> Result<()> {
    let evaluation = book.evaluate(now, job)?;
    if evaluation.accepted == 1 {
        println!(
            "accepted: safety {:.1}, edge {:.2} bps, cost {:.2} bps",
            evaluation.safety_score, evaluation.expected_edge_bps, evaluation.cost_bps
        );
    } else {
        println!("rejected: {}", perpcore::reason_name(evaluation.reason));
    }
    let json = book.explain(&evaluation)?; // every number of it; here only how it begins
    println!("  {}…", json.split_inclusive(',').take(3).collect::<String>());
    Ok(())
}

fn tick(book: &Core, now: i64) -> Result<()> {
    let tick = book.tick(&Call::at(now))?;
    println!(
        "tick: {} dispatched, {} refused, {} pending, {} running",
        tick.dispatched, tick.refused, tick.pending, tick.running
    );
    for item in tick.items.iter().filter(|item| item.kind == c::PERP_TICK_REFUSED) {
        println!("  refused: {}", perpcore::reason_name(item.reason));
    }
    Ok(())
}

fn show(book: &Core, now: i64) -> Result<()> {
    for exchange in 0..2 {
        let capital = book.capital(exchange)?;
        println!(
            "exchange {}: {} USD in flight, {} USD traded today, {} USD of fees",
            exchange,
            Usd(capital.total_in_flight),
            Usd(capital.today.volume),
            Usd(capital.today.fees)
        );
    }
    let state = book.snapshot(now)?;
    println!(
        "the book is {}, change {}, {} completed today, {} in doubt",
        perpcore::system_name(state.global.system_status),
        state.seq,
        state.jobs.completed_today,
        state.jobs.in_doubt_jobs_count
    );
    let json = book.state_json(now)?; // the same and more; here only how it begins
    println!("  {}…", json.split_inclusive(',').take(5).collect::<String>());
    Ok(())
}

fn first_run(store: &str) -> Result<u64> {
    let book = Core::open(store, Box::new(Desk))?;
    let now = START;
    let instruments = set_up(&book, now)?;

    println!("A job that buys on one exchange and sells on the other.");
    let job = hedged(&book, now, instruments, 1)?;
    explain(&book, now, &job)?;
    book.submit(&Call::at(now), &job)?;
    tick(&book, now)?;
    let fill = |price| Fill { quantity: job.legs()[0].quantity, price, fee: Usd(300_000) };
    let fills = [fill(60_001.0), fill(60_059.0)];
    let state = book.finish(&Call::at(now + SECOND), id(1), c::PERP_RESULT_COMPLETED, &fills)?;
    println!("finish: the job is {}", perpcore::job_state_name(state));

    println!("\nThe executor panics: what it sent is not known, and the capital stays held.");
    let now = now + 2 * SECOND;
    quotes(&book, instruments, now)?;
    book.submit(&Call::at(now), &hedged(&book, now, instruments, 2)?)?;
    tick(&book, now)?;
    for job in book.jobs(c::PERP_JOB_IN_DOUBT)? {
        println!("  in doubt: {}", job);
    }

    println!("\nA job that could trade with itself is refused, manual override or not.");
    book.manual_override(&Call::at(now).by("desk", "to show what it can't do")?, true)?;
    let own = Job::new(id(3), c::PERP_STRATEGY_ARB, Usd::dollars(1500), 12.0)
        .leg(instruments[0], c::PERP_SIDE_BUY, 0.025)?
        .leg(instruments[0], c::PERP_SIDE_SELL, 0.025)?;
    explain(&book, now, &own)?;
    if let Err(error) = book.submit(&Call::at(now), &own) {
        println!("  submit: {}", error);
    }
    book.manual_override(&Call::at(now), false)?;

    println!("\nWhat the book shows.");
    show(&book, now)?;
    println!("changes:");
    for change in book.changes(0)? {
        match change.job {
            Some(job) => println!("  {} {} {}", change.seq, change.kind, job),
            None => println!("  {} {}", change.seq, change.kind),
        }
    }
    book.audit()?;
    Ok(book.hash()) // the book goes out of scope, and with it is closed
}

fn second_run(store: &str, before: u64) -> Result<()> {
    let book = Core::open(store, Box::new(Desk))?;
    let now = START + 10 * SECOND;
    println!(
        "\nOpened again: the book is {}.",
        match book.hash() == before {
            true => "the same, hash for hash",
            false => "another one",
        }
    );
    for job in book.jobs(c::PERP_JOB_IN_DOUBT)? {
        println!("  in doubt: {}; the exchanges know nothing of it, so it waits again", job);
        book.requeue(&Call::at(now), job)?;
    }
    show(&book, now)?;
    book.audit()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() != 2 || Path::new(&arguments[1]).exists() {
        eprintln!("usage: sample STORE   (a file that does not exist yet)");
        std::process::exit(2);
    }
    let run = |store: &str| second_run(store, first_run(store)?);
    if let Err(error) = run(&arguments[1]) {
        eprintln!("{}", error);
        std::process::exit(1);
    }
}
