//! Plain lines for GitHub Actions: one group, and nothing in it can speak to the log.

use ripcord_proto::v1::{Activity, Admitted, Event};
use uuid::Uuid;

use super::{Teller, plain::Plain};
use crate::{out, render::github};

pub(super) struct Actions {
    token: String,
    plain: Plain,
}

impl Actions {
    pub(super) fn begin(title: &str, plain: Plain) -> Self {
        let token = Uuid::now_v7().simple().to_string();
        out::say(&github::group(title));
        out::say(&github::stop(&token));
        Self { token, plain }
    }
}

impl Teller for Actions {
    fn admitted(&mut self, admitted: &Admitted) {
        self.plain.admitted(admitted);
    }

    fn event(&mut self, event: &Event) {
        self.plain.event(event);
    }

    fn activity(&mut self, activity: &Activity) {
        self.plain.activity(activity);
    }

    fn notice(&mut self, text: &str) {
        self.plain.notice(text);
    }

    fn beat(&mut self) {
        self.plain.beat();
    }

    fn end(&mut self, badly: bool) {
        self.plain.end(badly);
        out::say(&github::resume(&self.token));
        out::say(github::END_GROUP);
    }
}
