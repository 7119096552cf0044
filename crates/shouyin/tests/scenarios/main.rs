//! Every scenario, by each protocol it is played by, is a test of its own (`double-tap/v2`), played by the program as its users play it. Not the usual test harness, because the
//! list of tests is the list of files; it speaks the same language (`--list`, `--exact`, names to filter by), so that
//! `cargo test` and `cargo nextest` report each scenario by its name. With `cargo test` all are played by one process.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitCode, Stdio};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What we were asked for, in the words of the usual harness.
#[derive(Debug, Default)]
struct Arguments {
    list: bool,
    /// Only tests that are switched off: there are none.
    ignored: bool,
    exact: bool,
    filters: Vec<String>,
    skip: Vec<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self::default();
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => read.list = true,
                "--ignored" => read.ignored = true,
                "--exact" => read.exact = true,
                "--skip" => read.skip.extend(words.next()),
                // Their values must not be taken for names.
                "--format" | "--test-threads" | "--color" | "--logfile" | "-Z" => {
                    words.next();
                }
                flag if flag.starts_with('-') => {}
                name => read.filters.push(name.to_owned()),
            }
        }
        read
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| {
            if self.exact {
                name == filter
            } else {
                name.contains(filter.as_str())
            }
        };
        !self.ignored
            && (self.filters.is_empty() || self.filters.iter().any(fits))
            && !self.skip.iter().any(fits)
    }
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_shouyin"));
    // One process a scenario would spend most of its time on keys.
    let keys = concat!(env!("CARGO_TARGET_TMPDIR"), "/scenario-keys");
    program.args(["simulator", "scenario", "--keys", keys]);
    program
}

fn names() -> Result<Vec<String>> {
    let output = program().arg("--only-names").output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn main() -> ExitCode {
    match run(&Arguments::read()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let mut names = names()?;
    names.retain(|name| arguments.wants(name));
    if arguments.list {
        for name in &names {
            println!("{name}: test");
        }
        return Ok(true);
    }
    println!("\nrunning {} tests", names.len());
    let passed = match names.as_slice() {
        [] => true,
        [one] => alone(one)?,
        several => together(several)?,
    };
    println!("\ntest result: {}.", if passed { "ok" } else { "FAILED" });
    Ok(passed)
}

/// One scenario; what happened is shown if it fails.
fn alone(name: &str) -> Result<bool> {
    let output = program().arg(name).output()?;
    let passed = output.status.success();
    report(name, passed);
    if !passed {
        println!("{}", String::from_utf8_lossy(&output.stdout));
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(passed)
}

/// Many, several at once: each is reported as it ends, and those that failed are shown at the end.
fn together(names: &[String]) -> Result<bool> {
    let mut child = program()
        .args(names)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("no output")?;
    let mut reported = 0;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        let ended = line.split_once("  ").map(|(word, name)| {
            let name = name.trim().split(':').next().unwrap_or_default();
            (word, name.to_owned())
        });
        match ended {
            Some(("ok", name)) if names.contains(&name) => {
                report(&name, true);
                reported += 1;
            }
            Some(("FAILED", name)) if names.contains(&name) => {
                report(&name, false);
                reported += 1;
            }
            _ => println!("{line}"),
        }
    }
    let mut why = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut why)?;
    }
    let passed = child.wait()?.success() && reported == names.len();
    if !passed {
        println!("{why}{reported} of {} scenarios ended", names.len());
    }
    Ok(passed)
}

fn report(name: &str, passed: bool) {
    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
}
