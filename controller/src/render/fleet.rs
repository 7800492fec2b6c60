//! The answers of several agents: one table, or one object, in their order. An agent that did not answer
//! is a line of its own where its rows would be.

use serde_json::{Value, json};

use super::{json, sanitize::sanitize, table::columns};
use crate::{
    exit::{self, Exit},
    failure::Failure,
    fleet::Answer,
};

/// One table with the agents in the first column.
pub(crate) fn table(header: &[&str], answers: &[Answer<Vec<Vec<String>>, &Failure>]) -> String {
    let header: Vec<&str> = std::iter::once("AGENT").chain(header.iter().copied()).collect();
    let (mut rows, mut silent) = (Vec::new(), Vec::new());
    for answer in answers {
        let mut add = |mut row: Vec<String>| {
            row.insert(0, sanitize(&answer.name).into_owned());
            row.resize(header.len(), String::new());
            rows.push(row);
        };
        match &answer.told {
            Ok(told) => told.iter().cloned().for_each(add),
            Err(failure) => {
                add(Vec::new());
                silent.push((rows.len(), failure));
            }
        }
    }
    let width = rows.iter().map(|row| row[0].chars().count()).chain([header[0].len()]).max();
    let mut lines: Vec<String> = columns(&header, rows).lines().map(str::to_owned).collect();
    for (line, failure) in silent {
        lines[line] = format!("{:<1$}  {2}", lines[line], width.unwrap_or(0), why(failure));
    }
    lines.join("\n")
}

/// `paris  unreachable: …`, for what is no table.
pub(crate) fn silent(name: &str, failure: &Failure) -> String {
    format!("{}  {}", sanitize(name), why(failure))
}

/// Which agents did not tell what they were asked for, and why, in one line.
pub(crate) fn failures<T>(answers: &[Answer<T>]) -> String {
    let failed = answers.iter().filter_map(|answer| Some((answer, answer.told.as_ref().err()?)));
    let lines = failed.map(|(answer, failure)| failure.of_agent(&answer.name).to_string());
    sanitize(&lines.collect::<Vec<_>>().join("; ")).into_owned()
}

/// Why there is nothing to show.
fn why(failure: &Failure) -> String {
    let word = match failure {
        Failure::Unreachable { .. } => "unreachable",
        Failure::Access { .. } | Failure::Oidc { .. } => "no access",
        Failure::Refused { .. } => "refused",
        Failure::Usage(_)
        | Failure::TimedOut { .. }
        | Failure::Detached
        | Failure::Left
        | Failure::Unexpected(_)
        | Failure::Stdout(_) => "failed",
    };
    format!("{word}: {}", sanitize(&failure.to_string()))
}

/// An agent's answer with the exit code that it would be alone.
pub(crate) type Judged = (Value, Exit);

/// The exit code of all together.
pub(crate) fn exit(answers: &[Answer<Judged, &Failure>]) -> Exit {
    Exit::worst(answers.iter().map(exit_of))
}

fn exit_of(answer: &Answer<Judged, &Failure>) -> Exit {
    match &answer.told {
        Ok((_, exit)) => *exit,
        Err(failure) => exit::of_failure(failure),
    }
}

/// `COMMAND --json` of several agents: the object of each one under the command's name.
pub(crate) fn object(command: &str, answers: &[Answer<Judged, &Failure>]) -> Value {
    let agents: Vec<Value> = answers.iter().map(|answer| member(command, answer)).collect();
    json!({
        "schema": format!("ripcord/v1/fleet-{command}"),
        "exit_code": exit(answers).code(),
        "agents": agents,
    })
}

fn member(command: &str, answer: &Answer<Judged, &Failure>) -> Value {
    let exit = exit_of(answer);
    let error = answer.told.as_ref().err();
    json!({
        "name": answer.name,
        command: answer.told.as_ref().ok().map(|(value, _)| value),
        "error": error.map(|failure| json::failure(Some(command), failure, exit)),
        "exit_code": exit.code(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn answers(silent: &Failure) -> [Answer<Vec<Vec<String>>, &Failure>; 3] {
        let of = |name: &str, told| Answer { name: name.to_owned(), told };
        [
            of("paris", Ok(vec![row(&["preprod", "ok"]), row(&["prod", "ok"])])),
            of("lyon", Err(silent)),
            of("frankfurt", Ok(vec![row(&["preprod", "DOWN"])])),
        ]
    }

    fn silent() -> Failure {
        Failure::Unreachable { message: "nobody\u{1b}[2J is there".to_owned() }
    }

    #[test]
    fn an_agent_that_does_not_answer_keeps_its_place_in_the_table() {
        insta::assert_snapshot!(table(&["ENV", "HEALTH"], &answers(&silent())), @r"
        AGENT      ENV      HEALTH
        paris      preprod  ok
        paris      prod     ok
        lyon       unreachable: nobody is there
        frankfurt  preprod  DOWN
        ");
    }

    #[test]
    fn programs_get_each_agents_own_object_or_its_error() {
        let silent = silent();
        let judged = |rows: Vec<Vec<String>>| (json!({ "rows": rows.len() }), Exit::Unhealthy);
        let answers =
            answers(&silent).map(|Answer { name, told }| Answer { name, told: told.map(judged) });
        assert_eq!(exit(&answers), Exit::Unhealthy);
        let object = object("status", &answers);
        assert_eq!(object["schema"], "ripcord/v1/fleet-status");
        let expected =
            json!({ "name": "paris", "status": { "rows": 2 }, "error": null, "exit_code": 10 });
        assert_eq!(object["agents"][0], expected);
        let lyon = &object["agents"][1];
        assert_eq!((&lyon["status"], &lyon["exit_code"]), (&Value::Null, &json!(5)));
        assert_eq!(lyon["error"]["schema"], "ripcord/v1/error");
    }
}
