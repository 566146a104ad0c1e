//! A report's languages as plain text.

use regex::Regex;

/// Text of a piece of HTML, without its tags.
pub fn text(html: &str) -> String {
    let tag = Regex::new(r"(?s)<[^>]*>").unwrap();
    let mut text = tag.replace_all(html, "").into_owned();
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}

/// Text of a piece of LaTeX that a report has written, as far as numbers and words go.
pub fn plain(latex: &str) -> String {
    let mut text = Regex::new(r"~?\\cite\{[^}]*\}").unwrap().replace_all(latex, "").into_owned();
    text = Regex::new(r"\\textsuperscript\{[^}]*\}").unwrap().replace_all(&text, "").into_owned();
    for (command, character) in [
        ("\\ensuremath{-}", "-"),
        ("\\ensuremath{\\times}", "×"),
        ("\\ensuremath{\\rho}", "ρ"),
        ("\\ensuremath{\\log_{10}}", "log10"),
        ("\\dots{}", "…"),
        ("\\textquotesingle{}", "'"),
        ("\\textquotedbl{}", "\""),
        ("\\textasciitilde{}", "~"),
        ("\\textasciicircum{}", "^"),
        ("\\textasciigrave{}", "`"),
        ("\\textbar{}", "|"),
        ("\\textless{}", "<"),
        ("\\textgreater{}", ">"),
        ("\\textbackslash{}", "\u{0}"),
        ("\\allowbreak{}", ""),
        ("\\bfseries ", ""),
        ("\\tiny", ""),
        ("{-}", "-"),
        ("{[}", "["),
        ("{]}", "]"),
        ("``", "“"),
        ("''", "”"),
        ("---", "—"),
    ] {
        text = text.replace(command, character);
    }
    for escaped in ['%', '&', '_', '#', '$', '{', '}'] {
        text = text.replace(&format!("\\{escaped}"), &escaped.to_string());
    }
    // A letter that LaTeX has no name for.
    let named = Regex::new(r"\[U\+([0-9A-F]{4,6})\]").unwrap();
    let letter = |found: &regex::Captures<'_>| {
        let code = u32::from_str_radix(&found[1], 16).unwrap();
        char::from_u32(code).unwrap().to_string()
    };
    named.replace_all(&text, letter).replace('\u{0}', "\\")
}

/// The numbers in a text.
pub fn tokens(text: &str) -> Vec<String> {
    let number = Regex::new(r"-?\d+(\.\d+)?").unwrap();
    number.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}
