//! Random graphs of jobs, as real processes: each looks whether what it needs has happened.

use crate::project::Project;

/// The same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

struct Job {
    needs: Vec<usize>,
    good: bool,
    allow_failure: bool,
}

/// Jobs in an order that has nothing to do with who needs whom.
fn graph(numbers: &mut Numbers) -> (Vec<Job>, Vec<usize>) {
    let count = 2 + numbers.below(6) as usize;
    let job = |at: usize, numbers: &mut Numbers| Job {
        needs: (0..at).filter(|_| numbers.below(3) == 0).collect(),
        good: numbers.below(4) != 0,
        allow_failure: numbers.below(4) == 0,
    };
    let jobs = (0..count).map(|at| job(at, numbers)).collect();
    let mut order: Vec<usize> = (0..count).collect();
    for at in 1..count {
        order.swap(at, numbers.below(at as u64 + 1) as usize);
    }
    (jobs, order)
}

/// A job that fails with 99 when something that it needs has not happened.
fn written(at: usize, job: &Job) -> String {
    let looks: String =
        job.needs.iter().map(|need| format!("test -e done.{need} || exit 99; ")).collect();
    let end = if job.good { "true" } else { "false" };
    let needs: Vec<String> = job.needs.iter().map(|need| format!("'job {need}'")).collect();
    format!(
        "[[checks.a.jobs]]\nname = 'job {at}'\nrun = '{looks}touch done.{at}; {end}'\n\
         needs = [{}]\nallow_failure = {}\n",
        needs.join(", "),
        job.allow_failure
    )
}

/// What must become of each job; a job is behind those that it needs.
fn expected(jobs: &[Job]) -> Vec<&'static str> {
    let mut outcomes: Vec<&str> = Vec::new();
    for job in jobs {
        let is_bad = |need: &usize| matches!(outcomes[*need], "failed" | "skipped");
        outcomes.push(match (job.needs.iter().any(is_bad), job.good, job.allow_failure) {
            (true, _, _) => "skipped",
            (false, true, _) => "passed",
            (false, false, true) => "warning",
            (false, false, false) => "failed",
        });
    }
    outcomes
}

#[tokio::test]
async fn whatever_needs_what_no_job_begins_before_its_needs_or_behind_a_bad_one() {
    let mut numbers = Numbers(20_261_123);
    for _ in 0..25 {
        let (jobs, order) = graph(&mut numbers);
        let toml: String = order.iter().map(|at| written(*at, &jobs[*at])).collect();
        let said = Project::new(&toml).check(&["--json", "-j", "3"]).await;
        let expected = expected(&jobs);
        let expected: Vec<(String, String)> =
            order.iter().map(|at| (format!("job {at}"), expected[*at].to_owned())).collect();
        assert_eq!(said.outcomes(), expected, "{toml}");
        let is_red = expected.iter().any(|(_, outcome)| outcome == "failed");
        assert_eq!(said.code, if is_red { 7 } else { 0 }, "{toml}");
    }
}
