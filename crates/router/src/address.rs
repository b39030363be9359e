//! The way a forwarded message goes, made from the message: a template, and the list of what may come out of it.
//!
//! What a publisher writes into a header decides here where a message goes, so nothing leaves that the list does not
//! allow, and a part that is missing, empty or no plain text is an error, never a shorter address.
//!
//! A template is text with placeholders: `{headers.NAME}` (the first header of that name), `{key}` and `{address}` (the
//! way the message came). `{{` and `}}` are plain braces. A pattern of the list is text with stars; a star stands for any
//! text without a dot, `**` for any text.

use bytes::Bytes;
use dunlin_core::message::Message;

/// A parsed template with its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressTemplate {
    parts: Vec<Part>,
    allow: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Header(String),
    Key,
    Address,
}

/// Why no address can be made for a message. It holds no value of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// What a placeholder names is not there.
    #[error("the address needs {0}, and the message has none")]
    Missing(String),
    /// What a placeholder names cannot stand in an address.
    #[error(
        "the address needs {0}, and what the message has there is empty, not UTF-8, or holds control characters or spaces"
    )]
    Unfit(String),
    /// The result fits no pattern of `allow`.
    #[error("the address made from the message fits no pattern of `allow`")]
    NotAllowed,
}

/// Why a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What was expected and what was found.
    pub message: String,
    /// The offset in the template, in bytes.
    pub offset: usize,
}

impl AddressTemplate {
    /// Reads a template. `allow` may be empty only for a template without placeholders.
    ///
    /// # Errors
    /// An unknown placeholder, or a brace without its partner.
    pub fn parse(template: &str, allow: Vec<String>) -> Result<Self, TemplateError> {
        let fail = |offset: usize, message: String| Err(TemplateError { message, offset });
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(character) = rest.chars().next() {
            let offset = template.len() - rest.len();
            if let Some(behind) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                text.push(character);
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix('{') {
                let Some((name, behind)) = behind.split_once('}') else {
                    return fail(
                        offset,
                        "expected `}` behind `{`, or `{{` for a plain brace".to_owned(),
                    );
                };
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(match name.split_once('.') {
                    Some(("headers", header)) if !header.is_empty() => Part::Header(header.to_owned()),
                    None if name == "key" => Part::Key,
                    None if name == "address" => Part::Address,
                    _ => {
                        return fail(
                            offset,
                            format!(
                                "expected `{{headers.NAME}}`, `{{key}}` or `{{address}}`, found `{{{name}}}`"
                            ),
                        );
                    }
                });
                rest = behind;
            } else if character == '}' {
                return fail(
                    offset,
                    "expected `{` before `}`, or `}}` for a plain brace".to_owned(),
                );
            } else {
                text.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { parts, allow })
    }

    /// Whether anything of the message goes into the address.
    pub fn depends_on_message(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Text(_)))
    }

    /// Whether it uses a header.
    pub fn uses_headers(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Header(_)))
    }

    /// The address of this message, which came by the address `came_by`.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn make(&self, message: &Message, came_by: Option<&Bytes>) -> Result<Bytes, AddressError> {
        let mut address = String::new();
        for part in &self.parts {
            let (found, name) = match part {
                Part::Text(text) => {
                    address.push_str(text);
                    continue;
                }
                Part::Header(name) => (message.headers.get(name), format!("the header `{name}`")),
                Part::Key => (message.key.as_ref(), "the key".to_owned()),
                Part::Address => (came_by, "the source's address".to_owned()),
            };
            let Some(found) = found else {
                return Err(AddressError::Missing(name));
            };
            match std::str::from_utf8(found) {
                Ok(text) if fits(text) => address.push_str(text),
                _ => return Err(AddressError::Unfit(name)),
            }
        }
        let allowed = self.allow.is_empty() && !self.depends_on_message()
            || self.allow.iter().any(|pattern| matches(pattern, &address));
        if allowed {
            Ok(Bytes::from(address))
        } else {
            Err(AddressError::NotAllowed)
        }
    }
}

fn fits(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|character| character.is_control() || character.is_whitespace())
}

/// One step of a pattern.
#[derive(Clone, Copy)]
enum Token {
    /// This character.
    Is(char),
    /// Any text without a dot.
    Star,
    /// Any text.
    Stars,
}

impl Token {
    /// Whether it takes the character and could take another.
    fn goes_on(self, character: char) -> bool {
        match self {
            Self::Is(_) => false,
            Self::Star => character != '.',
            Self::Stars => true,
        }
    }
}

/// Whether an address fits a pattern, in time that grows with the product of their lengths at most.
fn matches(pattern: &str, address: &str) -> bool {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        tokens.push(match character {
            '*' if rest.next_if_eq(&'*').is_some() => Token::Stars,
            '*' => Token::Star,
            character => Token::Is(character),
        });
    }
    // `fits[n]`: what was read so far fits the first n tokens.
    let mut fits = vec![false; tokens.len() + 1];
    fits[0] = true;
    skip_stars(&tokens, &mut fits);
    for character in address.chars() {
        let mut next = vec![false; tokens.len() + 1];
        for (n, token) in tokens.iter().enumerate() {
            match token {
                Token::Is(wanted) => next[n + 1] = fits[n] && *wanted == character,
                Token::Star | Token::Stars => next[n + 1] = fits[n + 1] && token.goes_on(character),
            }
        }
        skip_stars(&tokens, &mut next);
        fits = next;
    }
    fits[tokens.len()]
}

/// A star may stand for nothing: what fits up to it fits behind it.
fn skip_stars(tokens: &[Token], fits: &mut [bool]) {
    for (n, token) in tokens.iter().enumerate() {
        if fits[n] && matches!(token, Token::Star | Token::Stars) {
            fits[n + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(template: &str, allow: &[&str], message: &Message) -> Result<String, AddressError> {
        let allow = allow.iter().map(|pattern| (*pattern).to_owned()).collect();
        let came_by = Bytes::from_static(b"orders.eu.new");
        AddressTemplate::parse(template, allow)
            .unwrap()
            .make(message, Some(&came_by))
            .map(|address| String::from_utf8(address.to_vec()).unwrap())
    }

    #[test]
    fn an_address_is_made_from_headers_key_and_the_way_the_message_came() {
        let message = Message::new("{}").with_key("k1").with_header("region", "es");
        assert_eq!(
            address("orders.{headers.region}", &["orders.*"], &message).unwrap(),
            "orders.es"
        );
        assert_eq!(address("{key}/{{x}}", &["**"], &message).unwrap(), "k1/{x}");
        assert_eq!(
            address("v3.{address}", &["v3.**"], &message).unwrap(),
            "v3.orders.eu.new"
        );
        assert_eq!(address("fixed", &[], &message).unwrap(), "fixed");
    }

    #[test]
    fn what_the_list_does_not_allow_does_not_leave() {
        let message = Message::new("{}").with_header("region", "es.secret");
        let refused = address("orders.{headers.region}", &["orders.*"], &message);
        assert_eq!(refused, Err(AddressError::NotAllowed));
        assert_eq!(
            address("orders.{headers.region}", &[], &message),
            Err(AddressError::NotAllowed)
        );
    }

    #[test]
    fn a_part_that_is_missing_or_no_plain_text_is_an_error_and_never_a_shorter_address() {
        let missing = address("a.{headers.x}", &["**"], &Message::new("{}"));
        assert_eq!(missing, Err(AddressError::Missing("the header `x`".to_owned())));
        for bad in ["", "a b", "a\nb"] {
            let message = Message::new("{}").with_header("x", bad);
            assert_eq!(
                address("a.{headers.x}", &["**"], &message),
                Err(AddressError::Unfit("the header `x`".to_owned())),
                "{bad:?}"
            );
        }
        let bytes = Message::new("{}").with_header("x", vec![0xff]);
        assert!(address("{headers.x}", &["**"], &bytes).is_err());
    }

    #[test]
    fn a_template_that_cannot_be_read_says_where() {
        for (template, offset) in [("a.{b}", 2), ("a{", 1), ("a}", 1), ("{headers.}", 0), ("{}", 0)] {
            assert_eq!(
                AddressTemplate::parse(template, Vec::new()).unwrap_err().offset,
                offset,
                "{template}"
            );
        }
    }

    #[test]
    fn one_star_stops_at_a_dot_and_two_do_not() {
        for (pattern, text, fits) in [
            ("orders.*", "orders.es", true),
            ("orders.*", "orders.", true),
            ("orders.*", "orders.es.x", false),
            ("orders.**", "orders.es.x", true),
            ("*.es", "orders.es", true),
            ("o*s.e*", "orders.es", true),
            ("orders", "orders", true),
            ("orders", "orders2", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
