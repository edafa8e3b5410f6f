//! UTF-16, which PowerShell writes, as UTF-8; and text without its byte order mark.

/// Turns UTF-16 into UTF-8, piece by piece, and leaves out the byte order mark of UTF-8; everything
/// else goes through as it is.
#[derive(Default)]
pub(super) struct Utf16 {
    kind: Option<Kind>,
    /// Bytes that do not make a unit or a decision yet.
    rest: Vec<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    Little,
    Big,
}

impl Utf16 {
    /// Whether all that comes goes through as it is.
    pub(super) fn is_through(&self) -> bool {
        self.kind == Some(Kind::Other)
    }

    /// `piece` after what was kept of the ones before.
    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.kind == Some(Kind::Other) {
            out.extend_from_slice(piece);
            return;
        }
        self.rest.extend_from_slice(piece);
        if self.kind.is_none() {
            // `{\0` without a mark is UTF-16 too.
            self.kind = match self.rest.get(..2) {
                Some(b"\xFF\xFE" | b"{\0" | b"[\0" | b"\"\0") => Some(Kind::Little),
                Some(b"\xFE\xFF" | b"\0{" | b"\0[") => Some(Kind::Big),
                Some(b"\xEF\xBB") if self.rest.len() < 3 => return,
                Some(_) => {
                    if self.rest.starts_with(b"\xEF\xBB\xBF") {
                        self.rest.drain(..3);
                    }
                    Some(Kind::Other)
                }
                None => return,
            };
        }
        if self.kind == Some(Kind::Other) {
            out.append(&mut self.rest);
            return;
        }
        let whole = self.rest.len() / 2 * 2;
        let units: Vec<u16> = self
            .rest
            .drain(..whole)
            .collect::<Vec<_>>()
            .chunks_exact(2)
            .map(|pair| match (self.kind, pair) {
                (Some(Kind::Big), &[high, low]) => u16::from_be_bytes([high, low]),
                (_, &[low, high]) => u16::from_le_bytes([low, high]),
                _ => 0,
            })
            .collect();
        self.decode(&units, out);
    }

    fn decode(&mut self, units: &[u16], out: &mut Vec<u8>) {
        let mut all: Vec<u16> = self.high.take().into_iter().collect();
        all.extend_from_slice(units);
        if let Some(last @ 0xD800..=0xDBFF) = all.last().copied() {
            self.high = Some(last);
            all.pop();
        }
        for c in char::decode_utf16(all).filter(|c| *c != Ok('\u{FEFF}')) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// The rest at the end.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.rest);
    }
}
