// SPDX-License-Identifier: GPL-2.0-or-later
//! places_rust - blocks on the locks of Rust's library at known places; what places.h is for C.
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, RwLock};
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 5;
const HOLD: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_micros(100);

static REGISTRY: Mutex<u64> = Mutex::new(0);
static TABLE: RwLock<u64> = RwLock::new(0);
static INDEX: RwLock<u64> = RwLock::new(0);
static JOBS: Mutex<u32> = Mutex::new(0);
static MORE: Condvar = Condvar::new();
static ONCE: [Once; ROUNDS as usize] = [const { Once::new() }; ROUNDS as usize];
static GO: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicBool = AtomicBool::new(false);
static WAITER: AtomicI32 = AtomicI32::new(0);

extern "C" {
    fn gettid() -> i32;
}

/// One wait: how long, and where.
struct Wait {
    ns: u64,
    function: &'static str,
    line: u32,
    addr: usize,
    size: usize,
}

/// On one line of the function that waits.
macro_rules! blocks {
    ($function:expr, $object:expr, $call:expr) => {{
        let begin = Instant::now();
        let got = $call;
        let ns = begin.elapsed().as_nanos() as u64;
        let (addr, size) = $object;
        (got, Wait { ns, function: $function, line: line!(), addr, size })
    }};
}

fn object<T>(of: &T) -> (usize, usize) {
    (of as *const T as usize, std::mem::size_of::<T>())
}

fn until(what: impl Fn() -> bool) {
    while !what() {
        thread::sleep(POLL);
    }
}

fn asleep(tid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).is_ok_and(|s| s.starts_with("202 "))
}

#[inline(never)]
fn registry_wait() -> Wait {
    let (mut guard, wait) = blocks!("registry_wait", object(&REGISTRY), REGISTRY.lock().unwrap());
    *guard += 1;
    wait
}

#[inline(never)]
fn registry_release(guard: MutexGuard<u64>) {
    drop(guard);
    unsafe { std::arch::asm!("") }; // a tail call would take the frame
}

#[inline(never)]
fn heap_wait(lock: &Mutex<u64>) -> Wait {
    let (mut guard, wait) = blocks!("heap_wait", object(lock), lock.lock().unwrap());
    *guard += 1;
    wait
}

#[inline(never)]
fn table_read() -> Wait {
    let (guard, wait) = blocks!("table_read", object(&TABLE), TABLE.read().unwrap());
    std::hint::black_box(*guard);
    wait
}

#[inline(never)]
fn index_write() -> Wait {
    let (mut guard, wait) = blocks!("index_write", object(&INDEX), INDEX.write().unwrap());
    *guard += 1;
    wait
}

#[inline(never)]
fn queue_wait() -> Wait {
    let guard = JOBS.lock().unwrap();
    let (mut guard, wait) =
        blocks!("queue_wait", object(&MORE), MORE.wait_while(guard, |jobs| *jobs == 0).unwrap());
    *guard -= 1;
    wait
}

#[inline(never)]
fn once_wait(round: usize) -> Wait {
    blocks!("once_wait", object(&ONCE), ONCE[round].call_once(|| ())).1
}

#[inline(never)]
fn join_wait(helper: thread::JoinHandle<()>) -> Wait {
    blocks!("join_wait", (0, 0), helper.join().unwrap()).1
}

/// Waits in a thread of its own, is seen asleep, and is let go.
fn planted(wait: impl FnOnce() -> Wait + Send + 'static, release: impl FnOnce()) -> Wait {
    WAITER.store(0, SeqCst);
    let waiter = thread::spawn(move || {
        WAITER.store(unsafe { gettid() }, SeqCst);
        wait()
    });
    until(|| asleep(WAITER.load(SeqCst)));
    thread::sleep(HOLD);
    release();
    let path = format!("/proc/self/task/{}", WAITER.load(SeqCst));
    until(|| !std::path::Path::new(&path).exists()); // joining it then is no wait
    waiter.join().unwrap()
}

fn row(name: &str, kind: &str, object: &str, holder: &str, one: impl Fn(usize) -> Wait) -> String {
    let waits: Vec<Wait> = (0..ROUNDS as usize).map(one).collect();
    let last = waits.last().unwrap();
    format!(
        "{{\"name\": \"{name}\", \"kind\": \"{kind}\", \"object\": \"{object}\", \"addr\": {}, \"size\": {}, \
         \"function\": \"{}\", \"line\": {}, \"holder\": \"{holder}\", \"waits\": {}, \"wait_ns\": {}}}",
        last.addr, last.size, last.function, last.line, waits.len(),
        waits.iter().map(|w| w.ns).sum::<u64>()
    )
}

fn main() {
    let heap = Arc::new(Mutex::new(0u64));
    let mut rows = Vec::new();
    rows.push(row("static", "mutex", "REGISTRY", "registry_release", |_| {
        let guard = REGISTRY.lock().unwrap();
        planted(registry_wait, || registry_release(guard))
    }));
    rows.push(row("heap", "mutex", "[heap]", "registry_release", |_| {
        let there = heap.clone();
        let guard = heap.lock().unwrap();
        planted(move || heap_wait(&there), || registry_release(guard))
    }));
    rows.push(row("read", "rwlock", "TABLE", "", |_| {
        let guard = TABLE.write().unwrap();
        planted(table_read, || drop(guard))
    }));
    rows.push(row("write", "rwlock", "INDEX", "", |_| {
        let guard = INDEX.read().unwrap();
        planted(index_write, || drop(guard))
    }));
    rows.push(row("condition", "condition", "MORE", "", |_| {
        planted(queue_wait, || {
            *JOBS.lock().unwrap() += 1;
            MORE.notify_one();
        })
    }));
    rows.push(row("once", "once", "ONCE", "", |round| {
        GO.store(false, SeqCst);
        INSIDE.store(false, SeqCst);
        thread::spawn(move || {
            ONCE[round].call_once(|| {
                INSIDE.store(true, SeqCst);
                until(|| GO.load(SeqCst));
            })
        });
        until(|| INSIDE.load(SeqCst));
        planted(move || once_wait(round), || GO.store(true, SeqCst))
    }));
    rows.push(row("join", "join", "", "", |_| {
        GO.store(false, SeqCst);
        let helper = thread::spawn(|| until(|| GO.load(SeqCst)));
        planted(move || join_wait(helper), || GO.store(true, SeqCst))
    }));
    println!("{{\"pid\": {}, \"places\": [{}]}}", std::process::id(), rows.join(",\n"));
}
