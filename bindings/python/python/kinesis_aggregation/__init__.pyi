from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypedDict, final

__all__ = [
    "LostUserRecords",
    "Pairs",
    "RecordAggregator",
    "UserRecord",
    "UserRecords",
    "aggregate",
    "deaggregate",
    "deaggregate_pairs",
]

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
    def damaged(self) -> bool:
        """Whether the Kinesis record is damaged, so that any byte of the key and the data may be wrong: only with
        `salvage_damaged`."""
    @property
    def loss(self) -> str | None:
        """What is lost and why, without data or keys; None for a user record."""

@final
class UserRecords(Iterator[UserRecord]):
    """The user records and losses of many Kinesis records."""

    def __iter__(self) -> UserRecords: ...
    def __next__(self) -> UserRecord: ...

class LostUserRecords(Exception):
    """User records that the KCL would not deliver, and why, without data or keys."""

@final
class Pairs(Iterator[list[tuple[str | None, bytes]]]):
    """The user records of many Kinesis records, as pairs."""

    def __iter__(self) -> Pairs: ...
    def __next__(self) -> list[tuple[str | None, bytes]]: ...

_Records = Mapping[str, Any] | Iterable[Mapping[str, Any] | bytes | bytearray | memoryview]

def deaggregate(
    records_or_event: _Records,
    *,
    hash_key_range: str | tuple[str | int, str | int] | Mapping[str, str] | None = None,
    salvage: bool = False,
    salvage_damaged: bool = False,
    after: str | tuple[str | int, str | int] | None = None,
) -> UserRecords:
    """Reads Kinesis records as the KCL does: gives user records and losses one at a time, in order.

    `records_or_event` is an event of Lambda, EventBridge Pipes or Firehose, an answer of boto3's `get_records`, any
    iterable of Kinesis records, one of them, or the bytes of one. Text data is base64; bytes are taken as they are.

    `hash_key_range` is the shard's: an aggregate with a user record outside it is lost, as in the KCL. Give
    'START-END', a pair, or the HashKeyRange of boto3's `list_shards`. `salvage` goes on after a user record with a bad
    index or explicit hash key, where the KCL stops. `salvage_damaged` opens damaged aggregates (wrong digest, cut short,
    malformed): there is always a loss, and any byte of the user records may be wrong; do not turn it on or off while a
    checkpoint lies inside a damaged aggregate. `after` resumes after a checkpoint, even inside an aggregate:
    'SEQUENCE:SUB', a pair, or 'SEQUENCE' for the end of that Kinesis record.

    Raises TypeError or ValueError for options or records that make no sense; for records only when it comes to them.
    A damaged aggregate raises nothing: without `salvage_damaged` it comes out as in the KCL, as one plain record of all
    its bytes.
    """

def deaggregate_pairs(
    records_or_event: _Records,
    *,
    on_loss: Callable[[UserRecord], bool | None] | None = None,
    hash_key_range: str | tuple[str | int, str | int] | Mapping[str, str] | None = None,
    salvage: bool = False,
    after: str | tuple[str | int, str | int] | None = None,
) -> Pairs:
    """Reads Kinesis records as `deaggregate` does, in less time: gives a list of `(partition_key, data)` for each, in
    order. It is empty for an aggregate of nothing. The key is None only for a plain record that came without one.

    A loss raises LostUserRecords, which ends the iteration: no user record of its Kinesis record is given. `on_loss` is told
    of each loss first, and may return True to go on without it; then its Kinesis record's list has the others. It is called
    before that list is given.

    A damaged aggregate is one pair, as in the KCL: the Kinesis record's own key and all its bytes. `deaggregate` can open it.

    The other options are those of `deaggregate`, and it raises what that does; also TypeError for an `on_loss` that is not
    callable.
    """

class _Entry(TypedDict):
    """An entry for boto3's `put_records`. Put it with its explicit hash key."""

    Data: bytes
    PartitionKey: str
    ExplicitHashKey: str

_Data = bytes | bytearray | memoryview | str
_HashKey = str | int | None

def aggregate(
    user_records: Iterable[UserRecord | tuple[str | None, _Data] | tuple[str | None, _Data, _HashKey]],
    *,
    shards: Iterable[Mapping[str, Any]] | None = None,
    mixing_shards: bool = False,
    max_size: int | None = None,
    max_count: int | None = None,
    max_record_size: int | None = None,
    outer_key: str | None = None,
    outer_key_first: bool = False,
) -> tuple[list[_Entry], list[tuple[int, str]]]:
    """Packs user records into Kinesis records, as the KPL does. The second list holds the place and the reason of each
    user record that cannot be put; the others are packed as if it had not been there.

    A user record is `(partition_key, data)`, `(partition_key, data, explicit_hash_key)`, or one that was read. One with
    the partition key None may go to any shard, under a random key. Text data is written as UTF-8.

    `shards` are all shards of the stream, from boto3's `list_shards`: user records share an aggregate if one open shard
    owns them all. Without it only those of one hash key do, which no split or merge can tear apart. `mixing_shards` lets
    any share one: the KCL drops such an aggregate whole, and silently, unless the stream has one shard for ever.

    `max_size` is the most bytes of an aggregate (default 51200, as in the KPL), `max_count` the most user records
    (default 2^32-1), `max_record_size` the most bytes of a Kinesis record with its key (default 1 MiB, at most 10 MiB).
    `outer_key` is the partition key of aggregates, `a` by default as in the KPL; with `outer_key_first` it is that of
    the first user record.

    Raises TypeError for what is no user record, ValueError for options or shards that make no sense.
    """

@final
class RecordAggregator:
    """Packs user records one after another. The options are those of `aggregate`."""

    def __new__(
        cls,
        *,
        shards: Iterable[Mapping[str, Any]] | None = None,
        mixing_shards: bool = False,
        max_size: int | None = None,
        max_count: int | None = None,
        max_record_size: int | None = None,
        outer_key: str | None = None,
        outer_key_first: bool = False,
    ) -> RecordAggregator: ...
    def push(self, partition_key: str | None, data: _Data, explicit_hash_key: _HashKey = None) -> list[_Entry]:
        """Adds a user record. What it does not fit is closed and returned; the user record itself never is.

        Raises ValueError if it cannot be put. What is held stays.
        """
    def flush(self) -> list[_Entry]:
        """Closes and returns what is held."""
    def set_shards(self, shards: Iterable[Mapping[str, Any]]) -> list[_Entry]:
        """Goes by these shards from now on, and returns what had to be closed for that.

        Raises ValueError for shards that make no sense: the old ones stay in force.
        """
    def __len__(self) -> int:
        """How many user records are held."""
    def __bool__(self) -> bool: ...
    @property
    def size(self) -> int:
        """The bytes of all Kinesis records that `flush` would return."""
