// SPDX-License-Identifier: GPL-2.0-or-later
//! fight SECONDS THREADS: threads that compute only with one std::sync::Mutex held.
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let end = Instant::now() + Duration::from_secs_f64(args[1].parse().unwrap());
    let number = Arc::new(Mutex::new(0u64));
    let threads: Vec<_> = (0..args[2].parse().unwrap())
        .map(|_: u32| {
            let number = number.clone();
            std::thread::spawn(move || {
                while Instant::now() < end {
                    let mut n = number.lock().unwrap();
                    let until = Instant::now() + Duration::from_micros(500);
                    while Instant::now() < until {
                        *n += 1;
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
