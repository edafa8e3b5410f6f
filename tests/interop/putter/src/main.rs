//! One of:
//!
//! - `certificate DIR`: writes `ca.pem`, and `server.pem` (key and certificate) for 127.0.0.1;
//! - `serve DIR SHARDS`: a Kinesis with so many shards (a power of two, and not 1) that stores nothing, over TLS, until its standard input ends; prints
//!   `port N` first and what it was asked at the end;
//! - `rate DIR ADDRESS PORT STREAM COUNT RATE`: our producer as a putter of `kpl/split`;
//! - `load DIR PORT COUNT current|several`: our producer under load, on a runtime of one thread or of
//!   several, and what that took.
//!
//! `DIR` is that of the certificates.

mod certificate;
mod client;
mod load;
mod rate;
mod serve;

use std::error::Error;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["certificate", directory] => certificate::write(directory.as_ref()),
        ["serve", directory, shards] => serve::serve(directory.as_ref(), shards.parse()?),
        ["rate", directory, address, port, stream, count, rate] => {
            let client = client::client(directory.as_ref(), address, port)?;
            rate::put(client, stream, count.parse()?, rate.parse()?)
        }
        ["load", directory, port, count, threads] => {
            load::put(directory.as_ref(), port, count.parse()?, threads)
        }
        _ => Err("usage: certificate|serve|rate|load DIR ARGUMENT...".into()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
