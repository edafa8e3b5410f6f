//! Numbers as Java's `BigInteger` reads them, from 0 to 2^128 - 1.
//!
//! The KCL hands the text of an explicit hash key to `new BigInteger(String)`: an optional `+` or
//! `-`, then one or more decimal digits of any script in Unicode's Basic Multilingual Plane, and
//! nothing else, no blanks either.
//!
//! ```text
//! 007   7            -0    0            +340282366920938463463374607431768211455   2^128 - 1
//! ٣     3            -1    out of range  340282366920938463463374607431768211456   out of range
//! 1.0   0x10   1_0   ²    (nothing)     not a number
//! ```

/// Why a text is not a [`HashKey`](crate::HashKey).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseHashKeyError {
    /// It is not an integer by the grammar of Java's `BigInteger`.
    #[error("not an integer")]
    NotANumber,
    /// It is a number, but below 0 or above 2^128 - 1.
    #[error("not between 0 and 2^128-1")]
    OutOfRange,
}

/// Reads `text`. Takes time linear in its length, where `BigInteger`'s is quadratic.
pub(super) fn parse(text: &str) -> Result<u128, ParseHashKeyError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if digits.is_empty() {
        return Err(ParseHashKeyError::NotANumber);
    }
    let number = match ascii_number(digits.as_bytes()) {
        Some(number) => number,
        None => any_number(digits)?,
    };
    match number {
        Some(0) => Ok(0),
        Some(number) if !negative => Ok(number),
        _ => Err(ParseHashKeyError::OutOfRange),
    }
}

/// A number; `None` if it is above 2^128 - 1.
type Number = Option<u128>;

/// Reads decimal digits of any script.
fn any_number(digits: &str) -> Result<Number, ParseHashKeyError> {
    let mut number = Some(0);
    for c in digits.chars() {
        let digit = decimal_digit(c).ok_or(ParseHashKeyError::NotANumber)?;
        // What follows in a number that has grown too large must still be digits.
        number = append(number, 10, u64::from(digit));
    }
    Ok(number)
}

/// Reads ASCII digits, as almost all explicit hash keys have them, eight at a time; `None` if
/// there is anything else.
fn ascii_number(digits: &[u8]) -> Option<Number> {
    let (head, eights) = digits.as_rchunks();
    let mut first = 0;
    for byte in head {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        first = first * 10 + u64::from(digit);
    }
    let mut number = Some(u128::from(first));
    for eight in eights {
        number = append(number, 100_000_000, eight_digits(*eight)?);
    }
    Some(number)
}

fn append(number: Number, shift: u128, digits: u64) -> Number {
    number?.checked_mul(shift)?.checked_add(u128::from(digits))
}

/// Reads eight ASCII digits in one word; `None` if one of the bytes is no digit.
///
/// The first digit is the lowest byte. Each step joins neighbours, of 1, 2 and 4 digits, in all
/// places at once; what it leaves in the places between is masked out:
///
/// ```text
/// "90817263"   09 00 08 01 07 02 06 03    bytes, the lowest first
/// pairs        90    81    72    63       9*10 + 0, ...
/// fours        9081        7263           90*100 + 81, ...
/// eight        90817263                   9081*10000 + 7263
/// ```
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    const EACH: u64 = u64::MAX / 0xFF; // 01 in every byte
    let digits = u64::from_le_bytes(bytes) ^ (EACH * 0x30);
    // '0' to '9' are 30 to 39, so the upper half of each byte is empty now, and still is with 6
    // more. Anything else fails one of the two: 3A becomes 0A, and with 6 more 10.
    if (digits | digits.wrapping_add(EACH * 6)) & (EACH * 0xF0) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some((fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF)
}

/// The zeros of the scripts whose digits Java's `Character.digit(char, 10)` knows. It looks at
/// single UTF-16 units, so digits outside the Basic Multilingual Plane do not count.
const ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];

fn decimal_digit(c: char) -> Option<u8> {
    let below = ZEROS.partition_point(|&zero| zero <= u32::from(c));
    let zero = ZEROS.get(below.checked_sub(1)?)?;
    let digit = u8::try_from(u32::from(c).checked_sub(*zero)?).ok()?;
    (digit < 10).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_in_every_place_of_eight() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut bytes = *b"90817263";
                bytes[place] = byte;
                let by_one = std::str::from_utf8(&bytes)
                    .ok()
                    .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|text| text.parse().ok());
                assert_eq!(eight_digits(bytes), by_one, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn the_largest_and_one_more() {
        let largest = u128::MAX.to_string();
        assert_eq!(parse(&largest), Ok(u128::MAX));
        let zeros = format!("{}{largest}", "0".repeat(100));
        assert_eq!(parse(&zeros), Ok(u128::MAX));
        let more = "340282366920938463463374607431768211456";
        assert_eq!(parse(more), Err(ParseHashKeyError::OutOfRange));
    }

    /// Those of the module's head.
    #[test]
    fn the_grammar() {
        for (text, number) in [
            ("007", 7),
            ("-0", 0),
            ("\u{663}", 3),
            ("+340282366920938463463374607431768211455", u128::MAX),
        ] {
            assert_eq!(parse(text), Ok(number), "{text}");
        }
        assert_eq!(parse("-1"), Err(ParseHashKeyError::OutOfRange));
        for text in ["1.0", "0x10", "1_0", "\u{b2}", "", "+", " 1"] {
            assert_eq!(parse(text), Err(ParseHashKeyError::NotANumber), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn eight_at_a_time_is_one_at_a_time(digits in "[0-9]{1,45}") {
            prop_assert_eq!(ascii_number(digits.as_bytes()), any_number(&digits).ok());
        }

        #[test]
        fn what_is_no_digit_is_found_wherever_it_stands(
            before in "[0-9]{0,20}",
            bad in "[^0-9]",
            after in "[0-9]{0,20}",
        ) {
            let text = format!("{before}{bad}{after}");
            prop_assert_eq!(ascii_number(text.as_bytes()), None);
        }
    }
}
