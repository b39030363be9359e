//! What a route may ask of its ends. Each refusal names the capability that is missing, and the key that asks for it.

use dunlin_core::capability::HeaderValues;
use dunlin_core::carried::{self, Part, Way};
use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::migration::Complements;

use super::migrations::{leaves_record, protected_by_record_alone};
use super::{AddressPlan, AppliedRecord, OnError, Order, RoutePlan, Unmatched, Unroutable, graph};
use crate::config::{Loaded, RouteConfig};

/// Checks a route whose ends are resolved, and settles what depends on them: order, window, own channel, notes.
///
/// `migrations_are_known` is false where one of them could not be loaded: what would be said about a route without
/// migrations must not be said then.
pub(super) fn check(
    route: &mut RoutePlan,
    config: &RouteConfig,
    loaded: &Loaded,
    migrations_are_known: bool,
    findings: &mut Findings,
) {
    let name = route.name.clone();
    let mut rules = Rules {
        route,
        config,
        loaded,
        name: &name,
        findings,
    };
    rules.order();
    rules.window();
    rules.failures();
    rules.address();
    rules.breaker_and_retry();
    rules.own_channel(migrations_are_known);
    rules.record();
    rules.complements();
    rules.beside_payload();
    rules.envelopes_and_confirms();
    rules.carried();
}

struct Rules<'a> {
    route: &'a mut RoutePlan,
    config: &'a RouteConfig,
    loaded: &'a Loaded,
    name: &'a str,
    findings: &'a mut Findings,
}

impl Rules<'_> {
    fn path<'p>(&'p self, path: &[&'p str]) -> Vec<&'p str> {
        [&["routes", self.name], path].concat()
    }

    fn place(&self, path: &[&str]) -> Place {
        self.loaded.place(&self.path(path))
    }

    fn is_said(&self, path: &[&str]) -> bool {
        self.loaded.is_said(&self.path(path))
    }

    fn error(&mut self, path: &[&str], message: impl Into<String>) {
        let place = self.place(path);
        self.findings.error(&place, message);
    }

    fn warning(&mut self, path: &[&str], message: impl Into<String>) {
        let place = self.place(path);
        self.findings.warning(&place, message);
    }

    fn note(&mut self, note: impl Into<String>) {
        self.route.notes.push(note.into());
    }

    fn order(&mut self) {
        let source = self.route.from.resolved.capabilities;
        match self.route.order {
            Order::None => {}
            Order::PerLane if source.ordered_lanes => {}
            Order::PerLane if self.is_said(&["order"]) => {
                let message =
                    "`order: per_lane` cannot be kept: the source lacks the capability `ordered_lanes`";
                self.error(&["order"], message);
            }
            Order::PerLane => {
                self.route.order = Order::None;
                self.note("order: none is kept, since the source lacks the capability `ordered_lanes`");
            }
            Order::Strict => {
                for (name, has) in [
                    ("ordered_lanes", source.ordered_lanes),
                    ("ordered_redelivery", source.ordered_redelivery),
                ] {
                    if !has {
                        let message = format!(
                            "`order: strict` cannot be kept: the source lacks the capability `{name}`"
                        );
                        self.error(&["order"], message);
                    }
                }
                if self.config.dead_letter.is_some() {
                    let message = "`order: strict` excludes a dead letter: a failed message blocks the route, else later \
                                   ones would overtake it";
                    self.error(&["dead_letter"], message);
                }
                if self.route.on_error == OnError::UnsafeForward {
                    let message = "`order: strict` needs `on_error: stop`: a failed message blocks the route";
                    self.error(&["on_error"], message);
                }
            }
        }
    }

    fn window(&mut self) {
        if self.route.order == Order::Strict {
            if self.is_said(&["window"]) && self.route.window.messages != 1 {
                let message = format!(
                    "`order: strict` has a window of 1, found {}: a message may be sent only when the one before is confirmed",
                    self.route.window.messages
                );
                self.error(&["window"], message);
            }
            self.route.window.messages = 1;
        }
        if let Some(most) = self
            .route
            .from
            .resolved
            .limits
            .unsettled
            .filter(|most| *most < self.route.window.messages)
        {
            if self.is_said(&["window"]) {
                let message =
                    format!("the source lets at most {most} deliveries be unsettled, so the window is that");
                self.warning(&["window"], message);
            }
            self.route.window.messages = most;
        }
        let most = [
            Some(self.route.window.messages),
            self.route.to.end.resolved.limits.batch,
        ];
        self.route.batch = most
            .into_iter()
            .flatten()
            .fold(self.route.batch, usize::min)
            .max(1);
        self.route.from.source.window = self.route.window;
    }

    /// What happens to failed messages.
    fn failures(&mut self) {
        let has_dead_letter = self.config.dead_letter.is_some();
        if self.route.unmatched == Unmatched::DeadLetter && !has_dead_letter {
            self.error(
                &["unmatched"],
                "`unmatched: dead_letter` needs a `dead_letter`, found none",
            );
        }
        if self.route.unroutable == Unroutable::DeadLetter {
            if !has_dead_letter {
                self.error(
                    &["unroutable"],
                    "`unroutable: dead_letter` needs a `dead_letter`, found none",
                );
            }
            if matches!(&self.route.to.address, AddressPlan::Own)
                || matches!(&self.route.to.address, AddressPlan::Template(template) if !template.depends_on_message())
            {
                let message = "`unroutable: dead_letter` needs an `address` that is made from messages: a channel that is \
                               missing is no message's fault";
                self.error(&["unroutable"], message);
            }
        }
        if has_dead_letter && self.route.on_error != OnError::Stop {
            self.warning(&["on_error"], "`on_error` has no effect beside `dead_letter`");
        } else if self.route.on_error == OnError::UnsafeForward && !has_dead_letter {
            let message =
                "`on_error: unsafe_forward` sends messages to the target that no migration was applied to";
            self.warning(&["on_error"], message);
        }
        if self.route.unmatched != Unmatched::Pass
            && !self.config.migrate.iter().any(|choice| choice.when.is_some())
        {
            self.warning(
                &["unmatched"],
                "`unmatched` has no effect: no migration here has a `when`",
            );
        }
        if let Some(dead_letter) = &self.route.dead_letter
            && graph::is_same(&dead_letter.resolved, &self.route.to.end.resolved)
        {
            let message = "the dead letter is the target: failed messages would stand among migrated ones";
            self.warning(&["dead_letter"], message);
        }
        if let Some(report) = &self.route.report
            && graph::is_same(&report.end.resolved, &self.route.to.end.resolved)
        {
            self.warning(
                &["report"],
                "the report goes to the target, and would stand among the messages",
            );
        }
    }

    fn address(&mut self) {
        let source_has_headers = self.route.from.resolved.capabilities.header_values != HeaderValues::None;
        match &self.route.to.address {
            AddressPlan::Template(template) if template.depends_on_message() => {
                if template.uses_headers() && !source_has_headers {
                    let message =
                        "the address needs a header, and the source has none (capability `header_values`)";
                    self.error(&["to", "address"], message);
                }
            }
            AddressPlan::Own | AddressPlan::Same | AddressPlan::Template(_) => {
                if self.is_said(&["to", "allow"]) {
                    let message = "`allow` has no effect: the address is not made from messages";
                    self.warning(&["to", "allow"], message);
                }
            }
        }
    }

    fn breaker_and_retry(&mut self) {
        let retry = self.route.retry;
        if retry.first.is_zero() {
            self.error(&["retry", "first"], "expected a pause of at least 1ms, found none: a target that is down would be asked without end");
        }
        if retry.cap < retry.first {
            let message = "expected `retry.cap` to be at least `retry.first`, found less";
            self.error(&["retry", "cap"], message);
        }
        let breaker = self.route.breaker;
        if breaker.row.is_none() && breaker.share.is_none() && self.route.dead_letter.is_some() {
            self.note("breaker: off, so a bad migration would drain the source into the dead letter");
        }
    }

    /// A route onto the channel that it reads.
    fn own_channel(&mut self, migrations_are_known: bool) {
        self.route.own_channel = graph::is_same(&self.route.from.resolved, &self.route.to.end.resolved);
        if !self.route.own_channel {
            return;
        }
        let source = self.route.from.resolved.capabilities;
        if source.settling_deletes {
            let message = "a route to its own channel is refused here: settling deletes a message for everyone (capability \
                           `settling_deletes`), and whoever else reads the channel would miss it or see it twice";
            self.error(&["to"], message);
        }
        if source.header_values == HeaderValues::None {
            let message = "a route to its own channel needs a place for the applied record, and the channel has no headers \
                           (capability `header_values`): nothing would end the loop";
            let place = self.place(&["to"]);
            self.findings
                .push(Finding::error(&place, message).help("use the envelope, where the system has one"));
        }
        if self.route.applied_record == AppliedRecord::Ignore {
            let message = "`applied_record: ignore` is refused on a route to its own channel: nothing would end the loop";
            self.error(&["applied_record"], message);
        }
        if self.route.on_error == OnError::UnsafeForward && self.config.dead_letter.is_none() {
            let message = "`on_error: unsafe_forward` is refused on a route to its own channel: a failed message would come \
                           again and again";
            self.error(&["on_error"], message);
        }
        if !migrations_are_known {
            return;
        }
        if self.route.migrations.is_empty() {
            let message = "a plain bridge to its own channel would forward each message again and again: only a migration \
                           leaves a record that ends the loop";
            self.error(&["to"], message);
        } else if self.route.unmatched == Unmatched::Pass
            && self.route.migrations.iter().all(|choice| choice.when.is_some())
        {
            let message = "on a route to its own channel an unmatched message would be forwarded again and again: say \
                           `unmatched: drop` or `dead_letter`, or end the list with a migration without `when`";
            self.error(&["migrate"], message);
        }
        let recordless: Vec<_> = self
            .route
            .migrations
            .iter()
            .filter(|choice| !leaves_record(&choice.migration))
            .collect();
        if let Some(choice) = recordless.first() {
            let message = format!(
                "on a route to its own channel the migration `{}` would be applied again and again: it leaves no record",
                choice.migration.name()
            );
            self.error(&["migrate"], message);
        }
    }

    /// The applied record, and what it needs.
    fn record(&mut self) {
        if self.route.migrations.is_empty() {
            return;
        }
        let source = self.route.from.resolved.capabilities.header_values;
        let target = self.route.to.end.resolved.capabilities.header_values;
        match self.route.applied_record {
            AppliedRecord::Required if source == HeaderValues::None => {
                let message = "`applied_record: required` would fail every message: the source has no headers (capability \
                               `header_values`)";
                self.error(&["applied_record"], message);
            }
            AppliedRecord::Trust if source != HeaderValues::None => {
                self.note("applied record: trusted; whoever can write to the source can forge it");
            }
            AppliedRecord::Required | AppliedRecord::Trust | AppliedRecord::Ignore => {}
        }
        if target != HeaderValues::None || self.route.own_channel {
            return;
        }
        let unprotected = self.route.migrations.iter().find_map(|choice| {
            let one = protected_by_record_alone(&choice.migration)?;
            Some((one.place().clone(), one.operation(), one.id().to_owned()))
        });
        if let Some((place, operation, id)) = unprotected {
            let message = format!(
                "`{operation}` (`{id}`) does more when it is applied twice, and the target of route `{}` has no place for the \
                 applied record (capability `header_values`)",
                self.name
            );
            let help = "use the envelope, where the system has one, or a target with headers";
            self.findings.push(Finding::warning(&place, message).help(help));
        } else {
            self.note(
                "applied record: none is written, since the target has no headers (capability `header_values`), and whatever \
                 else a message carries beside its payload is left out; use the envelope, where the system has one",
            );
        }
    }

    /// Complements travel in a header, which the ends must have room for.
    fn complements(&mut self) {
        let target = &self.route.to.end.resolved;
        let (has_headers, room) = (
            target.capabilities.header_values != HeaderValues::None,
            target.limits.headers,
        );
        let source_has_headers = self.route.from.resolved.capabilities.header_values != HeaderValues::None;
        for choice in &self.route.migrations {
            let name = choice.migration.name();
            let message = match choice.migration.complements() {
                Complements::Kept { .. } if !has_headers => format!(
                    "the complements of `{name}` would be left out: the target of route `{}` has no headers (capability \
                     `header_values`)",
                    self.name
                ),
                Complements::Kept { max_bytes, .. } if room.is_some_and(|room| max_bytes > room) => format!(
                    "a complement of `{name}` may have {max_bytes} bytes, and the target of route `{}` takes {} bytes of headers; \
                     say a smaller `max_bytes`",
                    self.name,
                    room.unwrap_or_default()
                ),
                Complements::Required if !source_has_headers => format!(
                    "`{name}` requires complements, and the source of route `{}` has no headers (capability `header_values`): \
                     every message would fail",
                    self.name
                ),
                Complements::None | Complements::Kept { .. } | Complements::Required => continue,
            };
            let path = ["routes", self.name, "migrate"];
            self.findings.warning(&self.loaded.place(&path), message);
        }
    }

    /// Results in headers or the key, which a target without them would leave out.
    fn beside_payload(&mut self) {
        let to = &self.route.to;
        let address_reads_them =
            matches!(&to.address, AddressPlan::Template(template) if template.depends_on_message());
        if address_reads_them {
            return;
        }
        let choices = self.route.migrations.iter();
        let active = choices
            .flat_map(|choice| choice.migration.transformations())
            .filter(|one| !one.flagged());
        for (one, path) in active.filter_map(|one| Some((one, one.beside_payload()?))) {
            let wanted = if path.is_key() { Part::Key } else { Part::Headers };
            let carried = to.end.resolved.carries.iter().find(|(part, _)| *part == wanted);
            let (end, why) = match carried {
                Some((_, Way::Lost(why))) => ("leaves it out", why),
                Some((_, Way::Refused(why))) => ("refuses such a message", why),
                Some((_, Way::Own(_) | Way::Header)) | None => continue,
            };
            let message = format!(
                "`{}` (`{}`) writes `{path}`, and the target of route `{}` {end}: {why}",
                one.operation(),
                one.id(),
                self.name
            );
            let help = "use the envelope, where the system has one, or a target with headers";
            self.findings
                .push(Finding::warning(one.place(), message).help(help));
        }
    }

    /// What the target has no way for although the source may deliver it.
    fn carried(&mut self) {
        let mut reasons: Vec<(Way, Vec<Part>)> = Vec::new();
        for (part, way) in carried::lost_between(
            self.route.from.resolved.carries,
            self.route.to.end.resolved.carries,
        ) {
            match reasons.iter_mut().find(|(known, _)| *known == way) {
                Some((_, parts)) => parts.push(part),
                None => reasons.push((way, vec![part])),
            }
        }
        for (way, parts) in reasons {
            let parts: Vec<_> = parts.into_iter().map(Part::name).collect();
            let parts = parts.join(", ");
            match way {
                Way::Lost(why) => {
                    self.note(format!("not carried to the target, and counted: {parts} ({why})"));
                }
                Way::Refused(why) => self.note(format!(
                    "refused by the target where a message has it: {parts} ({why})"
                )),
                Way::Own(_) | Way::Header => {}
            }
        }
    }

    fn envelopes_and_confirms(&mut self) {
        let ends = [
            ("to", Some(&self.route.to.end.resolved)),
            (
                "report",
                self.route.report.as_ref().map(|report| &report.end.resolved),
            ),
            (
                "dead_letter",
                self.route.dead_letter.as_ref().map(|end| &end.resolved),
            ),
        ];
        let unconfirmed: Vec<_> = ends
            .into_iter()
            .filter(|(_, end)| end.is_some_and(|end| !end.capabilities.confirms))
            .map(|(key, _)| key)
            .collect();
        for key in unconfirmed {
            let message = format!(
                "messages may be lost: `{key}` does not confirm what it stores (capability `confirms`)"
            );
            self.warning(&[key], message);
        }
        let dead_letter = self
            .route
            .dead_letter
            .as_ref()
            .map(|end| end.resolved.capabilities.header_values);
        if dead_letter == Some(HeaderValues::None) {
            self.note("dead letter: written as envelopes, since the channel has no headers");
        }
        let (source, target) = (&self.route.from.resolved, &self.route.to.end.resolved);
        if source.capabilities.header_values == HeaderValues::Binary
            && target.capabilities.header_values == HeaderValues::Text
        {
            self.note(
                "headers: a message whose headers are no text fails, since the target carries text only",
            );
        }
        if let Some(most) = self
            .route
            .to
            .end
            .resolved
            .limits
            .payload
            .filter(|most| *most < self.route.limits.size)
        {
            self.note(format!(
                "size: a message of more than {most} bytes fails, since the target takes no more"
            ));
        }
    }
}
