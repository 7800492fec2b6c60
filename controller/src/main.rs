//! The controller: says what should run where, tells what happens, and remembers nothing.

mod alarm;
mod batch;
mod certs;
mod check;
mod cli;
mod client;
mod commands;
mod config;
mod context;
mod credential;
mod doctor;
mod exit;
mod failure;
mod fleet;
mod follow;
mod init;
mod lint;
mod oidc;
mod out;
#[cfg(test)]
mod pages;
mod probe;
mod prompt;
mod render;
mod report;
mod revision;
mod target;
mod tell;
mod usage;
mod workflow;
mod zone;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        out::complain("another TLS provider is installed already");
        return exit::Exit::Unexpected.into();
    }
    let arguments = cli::arguments(std::env::args_os());
    match cli::Cli::try_parse_from(&arguments) {
        Ok(cli) => commands::run(cli).await.into(),
        Err(error) => usage::tell(&error, &arguments).into(),
    }
}
