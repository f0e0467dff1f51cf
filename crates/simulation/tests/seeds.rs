//! Seeds in every run of the tests, and the proof that a seed repeats what it did.

#![cfg(test)]

use std::collections::BTreeMap;

use simulation::run;

/// How many seeds each of the four tests runs: `SIMULATION_SEEDS`, or as many as a CI has time for.
fn seeds() -> u64 {
    std::env::var("SIMULATION_SEEDS").map_or(40, |text| text.parse().expect("a number of seeds"))
}

fn nothing_is_found(part: u64) {
    let mut counts = BTreeMap::new();
    for at in 0..seeds() {
        let ran = run(1 + at * 4 + part).unwrap_or_else(|found| panic!("{found}"));
        for (what, count) in ran.counts {
            *counts.entry(what).or_insert(0) += count;
        }
    }
    println!("{} seeds", seeds());
    // A simulation in which nothing happens finds nothing.
    for what in [
        "PlaceOrder done",
        "PlaceOrder CAPACITY_EXCEEDED",
        "PlaceOrder INSUFFICIENT_BALANCE",
        "PlaceOrder DUPLICATE_ORDER",
        "ModifyOrder done",
        "CancelOrder done",
        "CancelMeal done",
        "RepostMeal done",
        "ProcessOrders done",
        "asked once more",
        "turned away",
        "unknown outcome",
        "life Crashed",
        "life Stopped",
        "Commit Halts",
        "Committed Halts",
        "Commit Fails(Lost)",
        "Committed Fails(Lost)",
        "Write Fails(Full)",
        "Write Fails(Contended)",
        "TopUp done",
        "TopUp not taken by WeChat",
        "PayAgain done",
        "Look done",
        "GiveBack done",
        "paid at WeChat",
        "call LostAfter",
        "call TooLate",
        "notification Lost",
        "notification Late",
        "notification Twice",
        "notification Unheard",
        "settled with WeChat",
        "shop CreateProduct done",
        "shop CreateRound done",
        "shop MoveStock done",
        "shop Place done",
        "shop Place OUT_OF_STOCK",
        "shop Pay done",
        "shop Cancel done",
        "shop Step done",
        "shop Refund done",
        "PayAtWechat done",
        "shop order Expired",
        "shop order paid at WeChat",
        "round Drawn",
        "round Failed",
    ] {
        assert!(counts.contains_key(what), "it never came to {what}: {counts:#?}");
    }
}

#[test]
fn the_first_quarter_of_the_seeds_finds_nothing() {
    nothing_is_found(0);
}

#[test]
fn the_second_quarter_of_the_seeds_finds_nothing() {
    nothing_is_found(1);
}

#[test]
fn the_third_quarter_of_the_seeds_finds_nothing() {
    nothing_is_found(2);
}

#[test]
fn the_last_quarter_of_the_seeds_finds_nothing() {
    nothing_is_found(3);
}

#[test]
fn a_seed_does_the_same_twice() {
    let mut traces = Vec::new();
    for seed in 1..=12 {
        let once = run(seed).unwrap_or_else(|found| panic!("{found}"));
        let again = run(seed).unwrap_or_else(|found| panic!("{found}"));
        assert_eq!(once, again, "seed {seed}");
        traces.push(once.trace);
    }
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 12, "the trace tells seeds apart");
}
