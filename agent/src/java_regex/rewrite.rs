//! From Java's dialect to that of the regex crates.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

type Reason = &'static str;

/// `$` outside MULTILINE: the end, or before a line terminator at the end.
pub(super) const DOLLAR: &str = r"(?=(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z)";
const DOLLAR_MULTI_LINE: &str = r"(?=\r\n|[\n\r\x{85}\x{2028}\x{2029}]|\z)";
const CARET_MULTI_LINE: &str = r"(?:\A|(?<=[\n\r\x{85}\x{2028}\x{2029}])(?!\z))";
/// `.` outside DOTALL.
const DOT: &str = r"[^\n\r\x{85}\x{2028}\x{2029}]";

/// The flags that change how the rest is written.
#[derive(Clone, Copy, Default)]
struct Flags {
    dot_all: bool,
    multi_line: bool,
    comments: bool,
    unix_lines: bool,
}

struct Rewriter<'p> {
    input: Peekable<Chars<'p>>,
    output: String,
    flags: Flags,
    /// The flags outside each open group.
    outer: Vec<Flags>,
}

pub(super) fn rewrite(pattern: &str) -> Result<String, Reason> {
    let mut rewriter = Rewriter {
        input: pattern.chars().peekable(),
        output: String::with_capacity(pattern.len()),
        flags: Flags::default(),
        outer: Vec::new(),
    };
    while let Some(char) = rewriter.input.next() {
        rewriter.outside(char)?;
    }
    Ok(rewriter.output)
}

impl Rewriter<'_> {
    fn outside(&mut self, char: char) -> Result<(), Reason> {
        match char {
            '\\' => self.escape(false)?,
            '[' => self.class()?,
            '(' => self.group()?,
            ')' => {
                self.flags = self.outer.pop().unwrap_or(self.flags);
                self.output.push(')');
            }
            '.' if self.flags.dot_all => self.output.push_str("(?s:.)"),
            '.' if self.flags.unix_lines => self.output.push_str(r"[^\n]"),
            '.' => self.output.push_str(DOT),
            '^' if self.flags.multi_line => self.output.push_str(CARET_MULTI_LINE),
            '$' if self.flags.multi_line => self.output.push_str(DOLLAR_MULTI_LINE),
            '$' => self.output.push_str(DOLLAR),
            '{' => self.repetition()?,
            '#' if self.flags.comments => {
                while self.input.next_if(|&char| char != '\n').is_some() {}
            }
            char if self.flags.comments && char.is_ascii_whitespace() => {}
            '#' | ' ' => self.literal(char),
            char => self.output.push(char),
        }
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,3}`: Java takes no `{` for itself.
    fn repetition(&mut self) -> Result<(), Reason> {
        let mut text = String::from("{");
        loop {
            match self.input.next() {
                Some('}') if text.len() > 1 => break,
                Some(char) if char.is_ascii_digit() || (char == ',' && text.len() > 1) => {
                    text.push(char);
                }
                _ => return Err("a repetition such as {2,3} is not closed"),
            }
        }
        self.output.push_str(&text);
        self.output.push('}');
        Ok(())
    }

    /// `(`, and what follows a `(?`.
    fn group(&mut self) -> Result<(), Reason> {
        let outer = self.flags;
        if self.input.peek() != Some(&'?') {
            self.outer.push(outer);
            self.output.push('(');
            return Ok(());
        }
        self.input.next();
        let mut flags = String::new();
        while let Some(flag) = self
            .input
            .next_if(|char| char.is_ascii_alphabetic() || *char == '-')
        {
            flags.push(flag);
        }
        let last = self.input.next().ok_or("a group is not closed")?;
        match last {
            ')' if !flags.is_empty() => self.write_flags(&flags, ")")?,
            ':' => {
                self.outer.push(outer);
                self.write_flags(&flags, ":")?;
            }
            '=' | '!' | '>' | '<' if flags.is_empty() => {
                self.outer.push(outer);
                let _ = write!(self.output, "(?{last}");
            }
            _ => return Err("an unknown group"),
        }
        Ok(())
    }

    /// Writes only the flags that mean the same here; the others show in what is written.
    fn write_flags(&mut self, flags: &str, end: &str) -> Result<(), Reason> {
        let mut on = true;
        let mut case = None;
        for flag in flags.chars() {
            match flag {
                '-' => on = false,
                's' => self.flags.dot_all = on,
                'm' => self.flags.multi_line = on,
                'x' => self.flags.comments = on,
                'd' => self.flags.unix_lines = on,
                'i' => case = Some(on),
                // Unicode's cases are what the crates go by anyway.
                'u' => {}
                _ => return Err("an unknown flag"),
            }
        }
        match (case, end) {
            (Some(true), _) => self.output.push_str("(?i"),
            (Some(false), _) => self.output.push_str("(?-i"),
            (None, ")") => return Ok(()),
            (None, _) => self.output.push_str("(?"),
        }
        self.output.push_str(end);
        Ok(())
    }

    /// Copies a character class, from after its `[` to its `]`.
    fn class(&mut self) -> Result<(), Reason> {
        self.output.push('[');
        if self.input.next_if_eq(&'^').is_some() {
            self.output.push('^');
        }
        let mut is_first = true;
        loop {
            let char = self.input.next().ok_or("a character class is not closed")?;
            match char {
                ']' if !is_first => break,
                '[' => self.class()?,
                '\\' => self.escape(true)?,
                '&' if self.input.next_if_eq(&'&').is_some() => self.output.push_str("&&"),
                // A range, unless it is first or last.
                '-' if !is_first && !matches!(self.input.peek(), Some(']' | '[' | '-')) => {
                    self.output.push('-');
                }
                _ => self.literal(char),
            }
            is_first = false;
        }
        self.output.push(']');
        Ok(())
    }

    /// Writes a character that stands for itself.
    fn literal(&mut self, char: char) {
        if char.is_ascii_punctuation() || char.is_ascii_whitespace() || char.is_ascii_control() {
            let _ = write!(self.output, r"\x{{{:x}}}", u32::from(char));
        } else {
            self.output.push(char);
        }
    }

    /// A set of characters, inside a class or as one.
    fn set(&mut self, in_class: bool, negated: bool, set: &str) {
        let (open, close) = match (in_class, negated) {
            (true, false) => ("", ""),
            (_, true) => ("[^", "]"),
            (false, false) => ("[", "]"),
        };
        let _ = write!(self.output, "{open}{set}{close}");
    }

    /// Copies an escape, from after its backslash.
    fn escape(&mut self, in_class: bool) -> Result<(), Reason> {
        let char = self.input.next().ok_or("a backslash at the end")?;
        match char {
            'd' | 'D' => self.set(in_class, char == 'D', "0-9"),
            'w' | 'W' => self.set(in_class, char == 'W', "a-zA-Z_0-9"),
            's' | 'S' => self.set(in_class, char == 'S', r" \t\n\x0B\f\r"),
            'h' | 'H' => self.set(
                in_class,
                char == 'H',
                r" \t\x{A0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}",
            ),
            'v' | 'V' => self.set(in_class, char == 'V', r"\n\x0B\f\r\x{85}\x{2028}\x{2029}"),
            'R' if !in_class => self
                .output
                .push_str(r"(?:\r\n|[\n\x0B\f\r\x{85}\x{2028}\x{2029}])"),
            'p' | 'P' => self.property(in_class, char == 'P')?,
            'Q' => self.quoted(),
            'u' => self.hexadecimal(4)?,
            'x' if self.input.peek() == Some(&'{') => {
                self.input.next();
                let digits: String =
                    std::iter::from_fn(|| self.input.next_if(char::is_ascii_hexdigit)).collect();
                self.input.next_if_eq(&'}').ok_or("\\x{ is not closed")?;
                let _ = write!(self.output, r"\x{{{digits}}}");
            }
            'x' => self.hexadecimal(2)?,
            '0' => self.octal()?,
            'c' => {
                let control = self.input.next().ok_or("a backslash at the end")?;
                let _ = write!(self.output, r"\x{{{:x}}}", u32::from(control) ^ 64);
            }
            't' | 'n' | 'r' | 'f' => {
                let _ = write!(self.output, r"\{char}");
            }
            'a' => self.output.push_str(r"\x07"),
            'e' => self.output.push_str(r"\x1B"),
            'Z' if !in_class => self.output.push_str(DOLLAR),
            'A' | 'z' | 'b' | 'B' | 'G' | 'k' | '1'..='9' if !in_class => {
                let _ = write!(self.output, r"\{char}");
            }
            char if char.is_ascii_alphanumeric() => return Err("an unknown escape"),
            char => self.literal(char),
        }
        Ok(())
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<(), Reason> {
        let text: String = (0..digits)
            .map_while(|_| self.input.next_if(char::is_ascii_hexdigit))
            .collect();
        if text.len() < digits {
            return Err("too few hexadecimal digits");
        }
        let _ = write!(self.output, r"\x{{{text}}}");
        Ok(())
    }

    fn octal(&mut self) -> Result<(), Reason> {
        let mut value = 0;
        let mut digits = 0;
        while digits < 3 && value < 0o40 {
            let Some(digit) = self.input.next_if(|char| matches!(char, '0'..='7')) else {
                break;
            };
            value = value * 8 + u32::from(digit) - u32::from('0');
            digits += 1;
        }
        if digits == 0 {
            return Err("too few octal digits");
        }
        let _ = write!(self.output, r"\x{{{value:x}}}");
        Ok(())
    }

    /// `\Q` to `\E`, or to the end.
    fn quoted(&mut self) {
        while let Some(char) = self.input.next() {
            if char == '\\' && self.input.next_if_eq(&'E').is_some() {
                return;
            }
            self.literal(char);
        }
    }

    /// `\p{…}`: POSIX names are ASCII, `Is` names are scripts and properties.
    fn property(&mut self, in_class: bool, negated: bool) -> Result<(), Reason> {
        let first = self.input.next().ok_or("a backslash at the end")?;
        let name: String = if first == '{' {
            let name = std::iter::from_fn(|| self.input.next_if(|&char| char != '}')).collect();
            self.input.next().ok_or("\\p{ is not closed")?;
            name
        } else {
            first.to_string()
        };
        let ascii = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "ASCII" => r"\x00-\x7F",
            "Alpha" => "a-zA-Z",
            "Digit" => "0-9",
            "Alnum" => "a-zA-Z0-9",
            "Punct" => r"!-/:-@\x{5b}-`\x{7b}-~",
            "Graph" => "!-~",
            "Print" => " -~",
            "Blank" => r" \t",
            "Cntrl" => r"\x00-\x1F\x7F",
            "XDigit" => "0-9a-fA-F",
            "Space" => r" \t\n\x0B\f\r",
            _ => "",
        };
        if !ascii.is_empty() {
            self.set(in_class, negated, ascii);
            return Ok(());
        }
        let name = match name.as_str() {
            "javaLowerCase" => "Lowercase",
            "javaUpperCase" => "Uppercase",
            "javaWhitespace" => "White_Space",
            "L1" => return Err("an unknown property"),
            name if name.starts_with("In") || name.starts_with("java") => {
                return Err("an unknown property");
            }
            name => name.strip_prefix("Is").unwrap_or(name),
        };
        let _ = write!(
            self.output,
            r"\{}{{{name}}}",
            if negated { 'P' } else { 'p' }
        );
        Ok(())
    }
}
