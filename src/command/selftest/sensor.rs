//! A sensor of its own, as an operator starts it.

use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A sensor that listens. One that is not stopped is ended.
pub(super) struct Sensor {
    child: Child,
    messages: BufReader<ChildStderr>,
}

/// What a sensor told.
pub(super) struct Told {
    /// The lines about findings.
    pub(super) findings: Vec<Value>,
    /// What it said at its end.
    pub(super) account: String,
}

impl Sensor {
    /// Starts this program as a sensor, and waits until it listens.
    pub(super) fn start(options: &[String], interface: &str) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["capture", "--interface", interface, "--format", "json"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let messages = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut sensor = Self {
            child,
            messages: BufReader::new(messages),
        };
        let mut said = String::new();
        while !said.contains("listening to ") {
            if sensor.messages.read_line(&mut said)? == 0 {
                return Err(io::Error::other(said.trim().to_owned()));
            }
        }
        Ok(sensor)
    }

    /// Ends it as a service would, and takes what it told.
    pub(super) fn stop(mut self) -> io::Result<Told> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let (mut lines, mut account) = (String::new(), String::new());
        if let Some(mut output) = self.child.stdout.take() {
            output.read_to_string(&mut lines)?;
        }
        self.messages.read_to_string(&mut account)?;
        let findings = lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Ok(Told {
            findings: findings.collect(),
            account,
        })
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // It has ended, most often.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
