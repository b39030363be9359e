//! `dunlin systems`: the messaging systems that are built in, what they can do, and their settings.

use std::io::Write;

use clap::Args;
use dunlin_core::carried::{Part, Way};
use dunlin_core::registry::{Facts, Plugin};
use serde_json::{Map, Value, json};

use crate::ending::{Ending, Exit, Trouble};
use crate::shell::{Format, Shell, Tone};
use crate::systems::registry;
use crate::wording::listed;

/// Lists the messaging systems that are built in, with their capabilities and settings
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin systems
  dunlin systems file                       one of them
  dunlin systems --format json")]
pub(crate) struct Systems {
    /// The scheme of its addresses [default: all]
    scheme: Option<String>,
    /// How results are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl Systems {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let registry = registry().map_err(|error| Trouble::Failed(error.to_string()))?;
        let wanted = |plugin: &&Plugin| {
            let scheme = self.scheme.as_deref();
            scheme.is_none_or(|scheme| plugin.scheme == scheme.trim_end_matches(':'))
        };
        let plugins: Vec<&Plugin> = registry.plugins().filter(wanted).collect();
        if plugins.is_empty() {
            let known = listed(registry.plugins().map(|plugin| plugin.scheme));
            let scheme = self.scheme.as_deref().unwrap_or_default();
            return Err(Trouble::Usage(format!(
                "expected one of the systems that are built in ({known}), found `{scheme}`"
            )));
        }
        if shell.is_json() {
            let all: Vec<Value> = plugins.iter().map(|plugin| to_json(plugin)).collect();
            shell.json(&Value::Array(all))?;
            return Ok(Exit::Done);
        }
        for (index, plugin) in plugins.into_iter().enumerate() {
            if index > 0 {
                writeln!(shell.out)?;
            }
            show(plugin, shell)?;
        }
        Ok(Exit::Done)
    }
}

fn show(plugin: &Plugin, shell: &mut Shell) -> std::io::Result<()> {
    let Facts {
        title,
        example,
        channel,
        capabilities,
        conditions,
        carries,
        settings,
    } = plugin.facts;
    let scheme = shell.paint(Tone::Strong, plugin.scheme);
    writeln!(shell.out, "{scheme}: {title}")?;
    writeln!(shell.out, "  address   {example}")?;
    writeln!(shell.out, "  channel   {channel}")?;
    writeln!(shell.out, "  can, with its default settings:")?;
    for (name, value) in capabilities.facts() {
        writeln!(shell.out, "    {name:<20} {value}")?;
    }
    for condition in *conditions {
        writeln!(shell.out, "  note      {condition}")?;
    }
    let unable = carries
        .iter()
        .filter(|(part, way)| matches!(way, Way::Lost(_) | Way::Refused(_)) && *part != Part::Dedup);
    let mut reasons: Vec<(Way, Vec<&str>)> = Vec::new();
    for (part, way) in unable {
        match reasons.iter_mut().find(|(known, _)| known == way) {
            Some((_, parts)) => parts.push(part.name()),
            None => reasons.push((*way, vec![part.name()])),
        }
    }
    for (way, parts) in reasons {
        let (what, why) = match way {
            Way::Lost(why) => ("left out", why),
            Way::Refused(why) => ("refused", why),
            Way::Own(_) | Way::Header => continue,
        };
        writeln!(shell.out, "  {what:<9} {} ({why})", parts.join(", "))?;
    }
    if !settings.is_empty() {
        writeln!(shell.out, "  settings:")?;
    }
    for setting in *settings {
        writeln!(shell.out, "    {:<20} [{}]", setting.name, setting.default)?;
        let place = if setting.at_end {
            ""
        } else {
            " At the system only."
        };
        writeln!(shell.out, "        {}{place}", setting.meaning)?;
    }
    Ok(())
}

fn to_json(plugin: &Plugin) -> Value {
    let facts = plugin.facts;
    let capabilities: Map<String, Value> = facts
        .capabilities
        .facts()
        .into_iter()
        .map(|(name, value)| {
            let value = match value.as_str() {
                "yes" => Value::Bool(true),
                "no" => Value::Bool(false),
                word => Value::from(word),
            };
            (name.to_owned(), value)
        })
        .collect();
    let settings: Vec<Value> = facts
        .settings
        .iter()
        .map(|setting| {
            json!({
                "name": setting.name,
                "default": setting.default,
                "meaning": setting.meaning,
                "at_end": setting.at_end,
            })
        })
        .collect();
    let carries: Vec<Value> = (facts.carries.iter())
        .map(|(part, way)| {
            let kind = match way {
                Way::Own(_) => "own",
                Way::Header => "header",
                Way::Lost(_) => "lost",
                Way::Refused(_) => "refused",
            };
            json!({"part": part.name(), "way": kind, "words": way.words(*part)})
        })
        .collect();
    json!({
        "scheme": plugin.scheme,
        "secure_scheme": plugin.secure_scheme,
        "title": facts.title,
        "example": facts.example,
        "channel": facts.channel,
        "capabilities": capabilities,
        "conditions": facts.conditions,
        "carries": carries,
        "settings": settings,
    })
}
