// SPDX-License-Identifier: GPL-2.0-or-later
// names - threads that wait for a lock in functions whose names have to be made readable.
use std::io::Write;
use std::sync::Mutex;
use std::{thread, time::Duration};

mod store {
    use super::*;

    pub struct Shelf<T> {
        pub lock: Mutex<T>,
    }

    impl<T> Shelf<T> {
        #[inline(never)]
        pub fn take(&self) {
            let held = self.lock.lock().unwrap();
            thread::sleep(Duration::from_millis(3));
            drop(held);
        }
    }

    #[inline(never)]
    pub fn visit(shelf: &Shelf<u64>) {
        shelf.take();
        std::hint::black_box(shelf);
    }
}

static SHELF: store::Shelf<u64> = store::Shelf { lock: Mutex::new(0) };

fn main() {
    println!("ready");
    std::io::stdout().flush().unwrap();
    let threads: Vec<_> = (0..3).map(|_| thread::spawn(|| loop { store::visit(&SHELF) })).collect();
    for t in threads {
        t.join().unwrap();
    }
}
