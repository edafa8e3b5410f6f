//! The compatibility page.
pub(crate) fn page(_check: bool) -> Result<bool, String> {
    Err("not yet".to_owned())
}
