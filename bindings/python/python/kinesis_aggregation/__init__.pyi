from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

__all__ = ["UserRecord", "UserRecords", "deaggregate"]

@final
class UserRecord:
    """A user record, or a loss: then `loss` says what is lost and why, and `data` is None."""

    @property
    def partition_key(self) -> str | None:
        """The partition key; None only for a plain record that came without one. Of a loss, the Kinesis record's."""
    @property
    def explicit_hash_key(self) -> str | None:
        """The explicit hash key as it was written, if the user record has one."""
    @property
    def data(self) -> bytes | None:
        """The data, base64 already decoded; None for a loss."""
    @property
    def sequence_number(self) -> str | None:
        """The Kinesis record's sequence number, if it is known."""
    @property
    def sub_sequence_number(self) -> int:
        """The place in the Kinesis record, counted from 0. Of a loss, that of its cause."""
    @property
    def aggregated(self) -> bool:
        """Whether the Kinesis record is an aggregate."""
    @property
    def loss(self) -> str | None:
        """What is lost and why, without data or keys; None for a user record."""

@final
class UserRecords(Iterator[UserRecord]):
    """The user records and losses of many Kinesis records."""

    def __iter__(self) -> UserRecords: ...
    def __next__(self) -> UserRecord: ...

def deaggregate(
    records_or_event: Mapping[str, Any] | Iterable[Mapping[str, Any] | bytes | bytearray | memoryview],
    *,
    hash_key_range: str | tuple[str | int, str | int] | Mapping[str, str] | None = None,
    salvage: bool = False,
    after: str | tuple[str | int, str | int] | None = None,
) -> UserRecords:
    """Reads Kinesis records as the KCL does: gives user records and losses one at a time, in order.

    `records_or_event` is an event of Lambda, EventBridge Pipes or Firehose, an answer of boto3's `get_records`, any
    iterable of Kinesis records, one of them, or the bytes of one. Text data is base64; bytes are taken as they are.

    `hash_key_range` is the shard's: an aggregate with a user record outside it is lost, as in the KCL. Give
    'START-END', a pair, or the HashKeyRange of boto3's `list_shards`. `salvage` goes on after a user record with a bad
    index or explicit hash key, where the KCL stops. `after` resumes after a checkpoint, even inside an aggregate:
    'SEQUENCE:SUB', a pair, or 'SEQUENCE' for the end of that Kinesis record.

    Raises TypeError or ValueError for options or records that make no sense; for records only when it comes to them.
    A damaged aggregate raises nothing: it comes out as the KCL gives it, or as a loss.
    """
