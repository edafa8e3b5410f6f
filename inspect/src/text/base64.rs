//! Base64, with the alphabet of URLs, without padding, and with blanks, too.

/// `data:application/octet-stream;base64,84maw…`, as browsers have it.
fn without_data_url(text: &[u8]) -> &[u8] {
    const MARK: &[u8] = b";base64,";
    if !text.starts_with(b"data:") {
        return text;
    }
    let at = text.windows(MARK.len()).position(|part| part == MARK);
    at.and_then(|at| text.get(at + MARK.len()..))
        .unwrap_or(text)
}

/// The digits of `text`, in the standard alphabet, without blanks and padding.
pub(super) fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let text = without_data_url(text).trim_ascii_end();
    let end = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    let text = text.get(..text.len() - end)?;
    let mut digits = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'-' => digits.push(b'+'),
            b'_' => digits.push(b'/'),
            b'+' | b'/' => digits.push(byte),
            _ if byte.is_ascii_alphanumeric() => digits.push(byte),
            _ if byte.is_ascii_whitespace() => {}
            _ => return None,
        }
    }
    Some(digits)
}

pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if let Ok(data) = base64_simd::STANDARD.decode_to_vec(text) {
        return Some(data);
    }
    let digits = digits(text)?;
    base64_simd::STANDARD_NO_PAD.decode_to_vec(digits).ok()
}
