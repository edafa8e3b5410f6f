//! The part of the service's messages that users get to see: what speaks of the caller, the stream or the
//! key, and nothing that may quote a record.

/// Codes whose messages are told, besides all that start like one of [`TOLD_STARTS`]. A list of
/// those that may be told, not of those that may not: servers that stand in for Kinesis have codes
/// and messages of their own.
const TOLD: &[&str] = &[
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "LimitExceededException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "ProvisionedThroughputExceededException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
];
const TOLD_STARTS: &[&str] = &["AccessDenied", "ExpiredToken", "KMS", "Throttl"];

/// The service's messages are far shorter.
const MAX_CHARS: usize = 600;

/// Returns what may be told of the message that came with this code.
pub(super) fn told<'a>(code: &str, message: &'a str) -> Option<&'a str> {
    let message = if code == "ValidationException" {
        constraint(message)?
    } else if TOLD.contains(&code) || TOLD_STARTS.iter().any(|start| code.starts_with(start)) {
        message
    } else {
        return None;
    };
    // After the first line comes the request as the service saw it, its session token too.
    let line = message.lines().next().unwrap_or_default().trim_end();
    let end = line.char_indices().nth(MAX_CHARS);
    let line = end.map_or(line, |(at, _)| &line[..at]);
    (!line.is_empty()).then_some(line)
}

/// Returns the place and the rule out of `1 validation error detected: Value 'KEY' at
/// 'records.2.member.partitionKey' failed to satisfy constraint: Member must have …`: all after the
/// last `' at '`, for the value before it may hold anything, that too.
fn constraint(message: &str) -> Option<&str> {
    let (_, rule) = message.rsplit_once("' at '")?;
    rule.contains("' failed to satisfy constraint")
        .then_some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validation_message_tells_the_place_and_the_rule_but_not_the_value() {
        let rule = "records.2.member.partitionKey' failed to satisfy constraint: Member must have \
                    length less than or equal to 256";
        for value in [
            "key",
            "' at '",
            "a' at 'b' failed to satisfy constraint: c",
            "'",
        ] {
            let message = format!("1 validation error detected: Value '{value}' at '{rule}");
            assert_eq!(told("ValidationException", &message), Some(rule), "{value}");
        }
        assert_eq!(told("ValidationException", "key is not valid"), None);
    }

    #[test]
    fn what_speaks_of_the_caller_is_told_in_one_line() {
        let denied = "User: arn:… is not authorized to perform: kinesis:PutRecords";
        assert_eq!(told("AccessDeniedException", denied), Some(denied));
        let signature = "The signature does not match.\n\nThe Canonical String was 'POST …'";
        assert_eq!(
            told("InvalidSignatureException", signature),
            Some("The signature does not match.")
        );
        let long = "é".repeat(700);
        let told_of_it = told("KMSDisabledException", &long).expect("told");
        assert_eq!(told_of_it.chars().count(), 600);
    }

    #[test]
    fn a_message_of_an_unknown_code_is_not_told() {
        for code in ["SerializationException", "InternalFailure", "Whatever", ""] {
            assert_eq!(told(code, "could not parse key"), None, "{code}");
        }
        assert_eq!(told("ThrottlingException", ""), None);
    }
}
