//! The built-in application: a web server that answers every request with one file.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
};

use anyhow::{Context as _, Result};

/// The file that is served.
pub(crate) const PAGE: &str = "greeting.txt";

/// Serves until it is killed.
pub(crate) fn serve() -> Result<()> {
    let port: u16 = env::var("PORT").context("PORT is not set")?.parse()?;
    let page = fs::read_to_string(PAGE).with_context(|| format!("cannot read {PAGE}"))?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("serving {PAGE} on port {port}");
    for connection in listener.incoming() {
        if let Err(error) = answer(&connection?, &page) {
            eprintln!("a visitor went away: {error}");
        }
    }
    Ok(())
}

fn answer(mut connection: &TcpStream, page: &str) -> std::io::Result<()> {
    let request = BufReader::new(connection).lines().next().transpose()?.unwrap_or_default();
    println!("{request}");
    let length = page.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close";
    write!(connection, "{head}\r\nContent-Length: {length}\r\n\r\n{page}")
}
