//! The controller: says what should run where, tells what happens, and remembers nothing.

mod certs;
mod cli;
mod client;
mod commands;
mod config;
mod context;
mod exit;
mod failure;
mod follow;
mod out;
mod render;
mod report;
mod revision;
mod target;
mod tell;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        out::complain("another TLS provider is installed already");
        return exit::Exit::Unexpected.into();
    }
    let cli = cli::Cli::parse_from(cli::arguments(std::env::args_os()));
    commands::run(cli).await.into()
}
