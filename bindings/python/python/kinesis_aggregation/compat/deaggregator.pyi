from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["deaggregate_records", "iter_deaggregate_records"]

def deaggregate_records(records: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The user records of `records`, a list of Kinesis records as Lambda or Firehose gives them, or one: a list."""

def iter_deaggregate_records(
    records: Mapping[str, Any] | Iterable[Mapping[str, Any]], data_format: str | None = None
) -> Iterator[dict[str, Any]]:
    """The user records of `records`, one at a time; `data_format` is 'Boto3' for those of boto3's `get_records`."""
