//! Threads beside a run: who answers questions about it while it goes on.

use std::thread;

/// Does `work` in this thread, and `help` in so many threads beside it. It is for the helpers to end when the work has.
pub fn beside<T>(helpers: usize, help: impl Fn() + Sync, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(&help);
        }
        work()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;

    #[test]
    fn helpers_and_work_go_on_at_the_same_time() {
        let (asks, asked) = bounded::<u32>(0);
        let (answers, answered) = bounded(0);
        let help = || {
            for number in &asked {
                answers.send(2 * number).unwrap();
            }
        };
        let doubled = beside(2, help, move || {
            let numbers = (1..=8).map(|number| {
                asks.send(number).unwrap();
                answered.recv().unwrap()
            });
            numbers.sum::<u32>()
        });
        assert_eq!(doubled, 72);
    }
}
