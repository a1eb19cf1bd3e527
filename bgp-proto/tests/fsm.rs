//! Runs `fsm_table.txt`: a test a cell, named after it.

use std::{collections::BTreeSet, time::Duration};

use libtest_mimic::{Arguments, Failed, Trial};
use vipcast_bgp_proto::{
    Asn, Instant, PeerConfig,
    fsm::{DownReason, Event, Fsm, FsmConfig, State, Timer},
    wire::{CeaseSubcode, ErrorCode, Notification},
};

const TABLE: &str = include_str!("fsm_table.txt");
const STATES: [State; 6] = [
    State::Idle,
    State::Connect,
    State::Active,
    State::OpenSent,
    State::OpenConfirm,
    State::Established,
];
/// All events but 20, which is 19 under a condition.
const EVENTS: [&str; 32] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17",
    "18", "19", "21", "22", "23", "24", "25", "26", "27", "28", "29", "R", "RE", "B", "S",
];

fn event(name: &str, hold_time: Duration) -> Event {
    let cease = Notification::cease;
    match name {
        "1" => Event::ManualStart,
        "2" => Event::ManualStop(cease(CeaseSubcode::ADMINISTRATIVE_SHUTDOWN)),
        "3" => Event::AutomaticStart,
        "4" => Event::ManualStartPassive,
        "5" => Event::AutomaticStartPassive,
        "6" => Event::AutomaticStartDamped,
        "7" => Event::AutomaticStartDampedPassive,
        "8" => Event::AutomaticStop(cease(CeaseSubcode::OUT_OF_RESOURCES)),
        "9" => Event::ConnectRetryTimerExpires,
        "10" => Event::HoldTimerExpires,
        "11" => Event::KeepaliveTimerExpires,
        "12" => Event::DelayOpenTimerExpires,
        "13" => Event::IdleHoldTimerExpires,
        "14" => Event::TcpConnectionValid,
        "15" => Event::TcpCrInvalid,
        "16" => Event::TcpCrAcked,
        "17" => Event::TcpConnectionConfirmed,
        "18" => Event::TcpConnectionFails,
        "19" | "20" => Event::BgpOpen(hold_time),
        "21" => Event::BgpHeaderErr(Notification::new(ErrorCode::HEADER, 1, &[])),
        "22" => Event::BgpOpenMsgErr(Notification::new(ErrorCode::OPEN, 2, &[])),
        "23" => Event::OpenCollisionDump,
        "24" => Event::NotifMsgVerErr(Notification::new(ErrorCode::OPEN, 1, &[0, 4])),
        "25" => Event::NotifMsg(cease(CeaseSubcode::ADMINISTRATIVE_RESET)),
        "26" => Event::KeepAliveMsg,
        "27" => Event::UpdateMsg,
        "28" => Event::UpdateMsgErr(Notification::new(ErrorCode::UPDATE, 1, &[])),
        "29" => Event::SendHoldTimerExpires,
        "R" => Event::RouteRefreshMsg,
        "RE" => Event::RouteRefreshErr(Notification::new(ErrorCode::ROUTE_REFRESH, 1, &[])),
        "B" => Event::BfdDown,
        "S" => Event::SilentClose(DownReason::Replaced),
        other => panic!("no event {other}"),
    }
}

struct Row {
    state: State,
    event: String,
    condition: String,
    /// Next state, actions, timers and counter, as in the table.
    expected: String,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [state, events, condition, next, actions, timers, counter] = cells[..] else {
            panic!("not seven cells: {line}");
        };
        let state = STATES.into_iter().find(|s| s.to_string() == state).expect(line);
        for event in events.split(',') {
            rows.push(Row {
                state,
                event: event.to_owned(),
                condition: condition.to_owned(),
                expected: format!("{next} | {actions} | {timers} | {counter}"),
            });
        }
    }
    rows
}

/// A machine in `state`, with a ConnectRetryCounter of one.
fn prepare(state: State, condition: &str, now: Instant, hold_time: Duration) -> Fsm {
    let has = |word: &str| condition.split(' ').any(|part| part == word);
    let mut config = FsmConfig::from(&PeerConfig::new(Asn(65001), Asn(65002)));
    config.passive = has("passive");
    config.notify_without_open = has("told");
    config.automatic_start = !has("once");
    if has("delay") || has("opening") {
        config.delay_open = Some(Duration::from_secs(5));
    }
    let mut fsm = Fsm::new(config, 7);
    fsm.handle(now, Event::AutomaticStart);
    fsm.handle(now, Event::AutomaticStop(Notification::cease(CeaseSubcode::UNSPECIFIED)));
    assert_eq!((fsm.state(), fsm.connect_retry_counter()), (State::Idle, 1));
    if has("held") {
        return fsm;
    }
    fsm.pop_expired(Instant::FAR_FUTURE);
    let start = match state {
        State::Idle => return fsm,
        State::Active => Event::AutomaticStartDampedPassive,
        _ => Event::AutomaticStartDamped,
    };
    fsm.handle(now, start);
    if has("delay") || state >= State::OpenSent {
        fsm.handle(now, Event::TcpCrAcked);
    }
    if state >= State::OpenConfirm {
        fsm.handle(now, Event::BgpOpen(hold_time));
    }
    if state == State::Established {
        fsm.handle(now, Event::KeepAliveMsg);
    }
    assert_eq!(fsm.state(), state);
    fsm
}

fn run(row: &Row) -> Result<(), Failed> {
    let hold_time =
        if row.condition.contains("hold0") { Duration::ZERO } else { Duration::from_secs(90) };
    let start = Instant::from_millis(1_000);
    let mut fsm = prepare(row.state, &row.condition, start, hold_time);
    let before: Vec<_> = Timer::ALL.iter().map(|timer| fsm.deadline(*timer)).collect();
    let counter = fsm.connect_retry_counter();

    let now = start + Duration::from_millis(100);
    let effects = fsm.handle(now, event(&row.event, hold_time));

    let mut actions = Vec::new();
    if let Some(told) = &effects.notification {
        let data: String = told.data.iter().map(|octet| format!(":{octet:02x}")).collect();
        actions.push(format!("NOTIFY:{}/{}{data}", told.code.0, told.subcode));
    }
    for (done, name) in [
        (effects.drop_connection, "drop"),
        (effects.connect, "dial"),
        (effects.open, "OPEN"),
        (effects.keepalive, "KEEPALIVE"),
    ] {
        if done {
            actions.push(name.to_owned());
        }
    }
    let mut timers = Vec::new();
    for (timer, name) in [
        (Timer::ConnectRetry, "CRT"),
        (Timer::DelayOpen, "DOT"),
        (Timer::Hold, "HT"),
        (Timer::Keepalive, "KT"),
        (Timer::IdleHold, "IHT"),
        (Timer::SendHold, "SHT"),
    ] {
        match fsm.deadline(timer) {
            None => {}
            same if same == before[timer as usize] => timers.push(name.to_lowercase()),
            Some(at) if timer == Timer::Hold && at == now + Duration::from_secs(240) => {
                timers.push("HT240".to_owned());
            }
            Some(at) if timer == Timer::Hold && at != now + hold_time => {
                timers.push(format!("HT at {at:?}"));
            }
            Some(_) => timers.push(name.to_owned()),
        }
    }
    let counter = match fsm.connect_retry_counter() {
        0 => "0".to_owned(),
        same if same == counter => "=".to_owned(),
        more if more == counter + 1 => "+1".to_owned(),
        other => other.to_string(),
    };
    let or_dash = |list: Vec<String>| match list.is_empty() {
        true => "-".to_owned(),
        false => list.join(" "),
    };
    let found = format!("{} | {} | {} | {counter}", fsm.state(), or_dash(actions), or_dash(timers));
    if found == row.expected {
        Ok(())
    } else {
        Err(format!("expected {}\n   found {found}", row.expected).into())
    }
}

/// No cell is left out, and none is there twice.
fn complete() -> Result<(), Failed> {
    let mut seen = BTreeSet::new();
    for row in rows() {
        if !seen.insert((row.state, row.event.clone(), row.condition.clone())) {
            return Err(format!("{} {} {} twice", row.state, row.event, row.condition).into());
        }
    }
    for state in STATES {
        for event in EVENTS {
            if !seen.contains(&(state, event.to_owned(), "-".to_owned())) {
                return Err(format!("no cell for event {event} in {state}").into());
            }
        }
    }
    Ok(())
}

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("the_table_is_complete", complete)];
    for row in rows() {
        let condition = match row.condition.as_str() {
            "-" => String::new(),
            condition => format!(" ({condition})"),
        };
        let name = format!("rfc4271_8_2_2 {} event {}{condition}", row.state, row.event);
        trials.push(Trial::test(name, move || run(&row)));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
