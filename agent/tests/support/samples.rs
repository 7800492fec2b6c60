//! What a scripted application answers.

use ripcord_agent::ports::Sample;

pub fn answered(status: u16) -> Sample {
    let (ok, detail) = (status == 200, format!("HTTP {status}"));
    Sample { ok, status: Some(status), wrong_content: false, detail }
}

pub fn silent() -> Sample {
    let detail = "connection refused".to_owned();
    Sample { ok: false, status: None, wrong_content: false, detail }
}
