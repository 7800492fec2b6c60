//! What a spectator sees of the demo: headings, the commands that are run, and what to do next.

use std::{cell::Cell, io::IsTerminal as _, path::Path, time::Duration};

use crate::{agent::Agent, tools::Tools};

/// How many headings there are.
const STEPS: u32 = 6;

/// Where the demo is told.
pub(crate) struct Screen {
    step: Cell<u32>,
    bold: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let bold = std::io::stdout().is_terminal();
        Self { step: Cell::new(0), bold }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("{}", self.emphasis(text));
    }

    pub(crate) fn step(&self, text: &str) {
        self.step.set(self.step.get() + 1);
        println!("\n{}", self.emphasis(&format!("[{}/{STEPS}] {text}", self.step.get())));
    }

    pub(crate) fn say(&self, text: &str) {
        println!("      {text}");
    }

    pub(crate) fn command(&self, text: &str) {
        println!("\n      {}", self.emphasis(&format!("$ {text}")));
    }

    pub(crate) fn goodbye(&self, took: Duration) {
        let seconds = took.as_secs_f32();
        println!("\n{}", self.emphasis(&format!("All of it was seen, in {seconds:.1} s.")));
        println!(
            "
What next:
  cargo demo -- --keep                                  leave it running, and play with it
  cargo demo -- --repo PATH --run 'CMD' --check 'CMD'   the same with your own repository
  README.md, \"On a VM\"                                  a real environment, with Docker"
        );
    }

    pub(crate) fn keep(&self, tools: &Tools, agent: &Agent, folder: &Path) {
        println!("\n{}", self.emphasis("It is left running. To play with it:"));
        println!();
        for (name, value) in agent.environment() {
            println!("  export {name}={value}");
        }
        println!("  alias ripcord={}", tools.controller.display());
        println!("  ripcord status -w");
        println!("  ripcord logs demo -f");
        println!("  ripcord rollback demo");
        println!("  curl http://127.0.0.1:{}/", agent.application);
        println!("\nTo make more commits, work in {}/work and push.", folder.display());
        println!("To end it:  kill {} && rm -r {}", agent.pid(), folder.display());
    }

    fn emphasis(&self, text: &str) -> String {
        if self.bold { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
