//! What a parser says, in the words of who wrote the file.

/// A sentence of serde or toml without the words of Rust; others as they are.
pub(super) fn sentence(message: &str) -> String {
    wrong_type(message)
        .or_else(|| unknown(message))
        .or_else(|| missing(message))
        .or_else(|| no_value(message))
        .unwrap_or_else(|| message.to_owned())
}

/// What the operating system says, without its number.
pub(super) fn cause(error: &std::io::Error) -> String {
    let said = error.to_string();
    let said = said.split(" (os error").next().unwrap_or_default();
    let mut letters = said.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// `invalid type: string "many", expected i64`
fn wrong_type(message: &str) -> Option<String> {
    let (found, wanted) = message
        .strip_prefix("invalid type: ")?
        .rsplit_once(", expected ")?;
    Some(format!(
        "{} is wanted here, not {}",
        kind(wanted),
        value(found)
    ))
}

fn kind(wanted: &str) -> &str {
    match wanted {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string" | "path string" => "text in quotes",
        "a sequence" => "a list in brackets",
        "a map" => "a table",
        "a TOML datetime" => "a date such as 2026-12-31",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn value(found: &str) -> String {
    let number = |digits: &str| format!("the number {}", digits.trim_matches('`'));
    match found.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer", digits)) => number(digits),
        Some(("boolean", word)) => word.trim_matches('`').to_owned(),
        Some(("floating", rest)) => number(rest.trim_start_matches("point ")),
        None if found == "sequence" => "a list".to_owned(),
        None if found == "map" => "a table".to_owned(),
        _ => found.to_owned(),
    }
}

/// ``unknown field `mxa`, expected one of `max`, `tcp_seconds` ``
fn unknown(message: &str) -> Option<String> {
    let (what, rest) = message.strip_prefix("unknown ")?.split_once(' ')?;
    let (name, known) = rest.split_once(", ")?;
    let known = known.trim_start_matches("expected ");
    let known = known.trim_start_matches("one of ");
    match what {
        "field" => Some(format!("there is no key {name} here; it may be {known}")),
        "variant" => Some(format!("{name} is not known here; it may be {known}")),
        _ => None,
    }
}

/// ``missing field `name` ``
fn missing(message: &str) -> Option<String> {
    let name = message.strip_prefix("missing field ")?;
    Some(format!("the key {name} is missing"))
}

/// What toml says of a bare word, and where there is no value at all.
fn no_value(message: &str) -> Option<String> {
    message
        .starts_with("string values must be quoted")
        .then(|| {
            "a value is wanted here: a number, true or false, text in quotes, or a list in brackets"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serde_says_is_said_plainly() {
        let cases = [
            (
                "invalid type: string \"many\", expected i64",
                "a whole number is wanted here, not the text \"many\"",
            ),
            (
                "invalid type: floating point `1.5`, expected i64",
                "a whole number is wanted here, not the number 1.5",
            ),
            (
                "invalid type: string \"a, expected b\", expected a sequence",
                "a list in brackets is wanted here, not the text \"a, expected b\"",
            ),
            (
                "invalid type: integer `5`, expected a string",
                "text in quotes is wanted here, not the number 5",
            ),
            (
                "invalid type: sequence, expected a boolean",
                "true or false is wanted here, not a list",
            ),
            (
                "invalid type: boolean `true`, expected struct Flows",
                "a table is wanted here, not true",
            ),
            (
                "invalid type: string \"soon\", expected a TOML datetime",
                "a date such as 2026-12-31 is wanted here, not the text \"soon\"",
            ),
            (
                "unknown field `mxa`, expected one of `max`, `min`",
                "there is no key `mxa` here; it may be `max`, `min`",
            ),
            (
                "unknown variant `sock`, expected `socks`",
                "`sock` is not known here; it may be `socks`",
            ),
            ("missing field `name`", "the key `name` is missing"),
            (
                "string values must be quoted, expected literal string",
                "a value is wanted here: a number, true or false, text in quotes, or a list in brackets",
            ),
            (
                "must be between 1 and 3, not 7",
                "must be between 1 and 3, not 7",
            ),
        ];
        for (message, plain) in cases {
            assert_eq!(sentence(message), plain);
        }
    }

    #[test]
    fn what_the_system_says_has_no_number() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(cause(&error), "no such file or directory");
        assert_eq!(cause(&std::io::Error::other("Stopped")), "stopped");
    }
}
