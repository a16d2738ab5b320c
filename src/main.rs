//! The `hopscope` program: arguments, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use hopscope::command::Arguments;

fn main() -> ExitCode {
    Arguments::parse().run()
}
