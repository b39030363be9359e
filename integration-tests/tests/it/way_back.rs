//! Complements over real brokers: what an upward route takes out of messages travels in a header of the next system, and the
//! downward route, whose migration `dunlin invert` has written, gives back every byte.

use anyhow::{Context as _, Result, ensure};

use crate::pairs::broker::{open, systems};
use crate::pairs::item::Item;
use crate::pairs::running::{block_on, project, run_until};

const MESSAGES: usize = 500;

/// It loses what was removed, the case of a text and the digits behind a number's point: none of it comes back by an inverse alone.
const MIGRATION: &str = "migration: people
complement: {}
transformations:
  - remove: nickname
  - { text: name, do: [upper] }
  - { cast: age, to: integer, round: half_even }
  - { rename: town, to: city }
";

/// White space, escapes and numbers as no writer of Dunlin's would make them.
fn document(number: usize) -> String {
    format!(
        "{{ \"name\" : \"Ana {number}\",\"nickname\":[\"N\\u0061n\", {number}.50 ],\n\"age\": {number}.250 , \"town\":\"K\\u00f6ln\" }}"
    )
}

#[test]
fn what_a_migration_takes_out_comes_back_byte_for_byte_over_every_system() {
    let systems = systems();
    for (place, from) in systems.iter().enumerate() {
        let to = systems[(place + 1) % systems.len()];
        block_on(there_and_back(from, to)).unwrap_or_else(|error| panic!("{from} and {to}: {error:#}"));
    }
}

async fn there_and_back(from: &'static str, to: &'static str) -> Result<()> {
    let (mut old, mut new) = (open(from).await?, open(to).await?);
    let name = |what: &str| format!("way-back-{from}-{to}-{what}");
    // A queue is empty when it was read, so what stands between both routes is looked at in a copy of its own.
    for channel in ["old", "seen", "back", "dead"] {
        old.make(&name(channel)).await?;
    }
    for channel in ["new", "copy"] {
        new.make(&name(channel)).await?;
    }
    let sent: Vec<Item> = (0..MESSAGES)
        .map(|number| Item {
            payload: Some(document(number).into_bytes()),
            headers: vec![("number".to_owned(), number.to_string().into_bytes())],
            ..Item::default()
        })
        .collect();
    for channel in ["old", "seen"] {
        old.write(&name(channel), &sent).await?;
    }
    let project = project(&format!(
        "systems:\n  old: {}\n  new: {}\nroutes:\n  \
         up: {{ id: {id}-up, from: {{ system: old, channel: {}, start: earliest }}, migrate: people.yaml, to: new/{}, dead_letter: old/{dead} }}\n  \
         look: {{ id: {id}-look, from: {{ system: old, channel: {}, start: earliest, group: {id}-look }}, migrate: people.yaml, to: new/{}, dead_letter: old/{dead} }}\n  \
         down: {{ id: {id}-down, from: {{ system: new, channel: {}, start: earliest }}, migrate: back.yaml, to: old/{}, dead_letter: old/{dead} }}\n",
        old.system(),
        new.system(),
        name("old"),
        name("new"),
        name("seen"),
        name("copy"),
        name("new"),
        name("back"),
        id = name("id"),
        dead = name("dead"),
    ));
    project.write("people.yaml", MIGRATION);
    let inverted = project.run(&["invert", "people.yaml"]);
    ensure!(inverted.status == Some(0), "{inverted:?}");
    project.write("back.yaml", &inverted.out);
    let checked = project.run(&["check", "--allow-warnings"]);
    ensure!(checked.status == Some(0), "{checked:?}");

    run_until(&project, async |missing| {
        for (channel, count) in [
            ("back", old.count(&name("back")).await?),
            ("copy", new.count(&name("copy")).await?),
        ] {
            if count < MESSAGES {
                missing.push(format!("{channel}: {count} of {MESSAGES}"));
            }
        }
        Ok(())
    })
    .await?;

    for item in new.read(&name("copy")).await? {
        let number = item.number()?;
        let text = String::from_utf8(item.payload.context("a payload")?)?;
        ensure!(
            text.contains(&format!("ANA {number}"))
                && !text.contains("nickname")
                && text.contains("\"city\""),
            "{number} was not migrated: {text}"
        );
        ensure!(
            item.marks.contains_key("dunlin-complement"),
            "{number} has no complement: {:?}",
            item.marks
        );
    }
    let dead = old.count(&name("dead")).await?;
    ensure!(dead == 0, "{dead} messages failed");
    let mut come: Vec<(usize, String)> = Vec::new();
    for item in old.read(&name("back")).await? {
        ensure!(
            !item.marks.contains_key("dunlin-complement"),
            "a complement that was used is still there"
        );
        come.push((
            item.number()?,
            String::from_utf8(item.payload.context("a payload")?)?,
        ));
    }
    come.sort();
    let expected: Vec<(usize, String)> = (0..MESSAGES).map(|number| (number, document(number))).collect();
    let wrong = come
        .iter()
        .zip(&expected)
        .find(|(come, expected)| come != expected);
    ensure!(
        wrong.is_none() && come.len() == MESSAGES,
        "{} came back; {wrong:?}",
        come.len()
    );
    Ok(())
}
