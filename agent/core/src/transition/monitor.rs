//! What a look of the monitor means, and what a certificate that ends does: people are told once.

use super::{Answer, Draft};
use crate::{event::Event, expiry::Ends, monitor::Looked};

impl Draft<'_> {
    /// A restart is expected to be seen, so a look in the middle of one says nothing. What never was
    /// up cannot go down: before the first deployment a bad look is that of a place still empty.
    pub(super) fn looked(&mut self, looked: Looked) -> Answer {
        let empty = self.state.live.is_none() && self.state.stranded.is_none();
        let nothing_to_say = empty && !looked.ok && self.state.monitored.is_none();
        if self.state.is_touched() || nothing_to_say {
            return Answer::Done;
        }
        if self.state.monitored.is_none() {
            self.push(None, Event::MonitorBegan { unwatched_ms: 0 });
        }
        if looked.ok {
            self.is_up();
        } else if self.state.monitored.is_some_and(|it| it.down_since.is_none()) {
            let Looked { status, wrong_content, detail, .. } = looked;
            self.push(None, Event::WentDown { status, wrong_content, detail });
        }
        Answer::Done
    }

    /// The application was found healthy, by the monitor or by a deployment.
    pub(super) fn is_up(&mut self) {
        if let Some(since) = self.state.monitored.and_then(|monitored| monitored.down_since) {
            self.push(None, Event::CameBack { down_ms: self.now.since(since) });
        }
    }

    /// Nobody looked while no agent ran.
    pub(super) fn go_on_monitoring(&mut self, unwatched_ms: u64) {
        if self.state.monitored.is_none() {
            return;
        }
        let goes_on = self.policy.monitored;
        let event =
            if goes_on { Event::MonitorBegan { unwatched_ms } } else { Event::MonitorEnded };
        self.push(None, event);
    }

    pub(super) fn certificate_seen(&mut self, ends: &Ends) -> Answer {
        let told = self.state.expiries_told.get(&ends.whose).copied();
        if let Some(days) = ends.due(self.now, told) {
            self.push(None, Event::CertificateExpires { whose: ends.whose.clone(), days });
        }
        Answer::Done
    }
}
