from collections.abc import Callable
from typing import Any

__all__ = ["MAX_BYTES_PER_RECORD", "AggRecord", "RecordAggregator"]

MAX_BYTES_PER_RECORD: int

class RecordAggregator:
    """Packs user records into aggregates. It mixes shards: see `kinesis_aggregation.RecordAggregator`."""

    max_size: int
    current_record: AggRecord
    callbacks: list[tuple[Callable[[AggRecord], Any], bool]]

    def __init__(self, max_size: int = ...) -> None: ...
    def on_record_complete(
        self, callback: Callable[[AggRecord], Any], execute_on_new_thread: bool = True
    ) -> None:
        """Calls `callback` with every aggregate that is full."""
    def get_num_user_records(self) -> int:
        """How many user records are held."""
    def get_size_bytes(self) -> int:
        """The bytes of the aggregate of what is held."""
    def clear_record(self) -> None:
        """Forgets what is held."""
    def clear_callbacks(self) -> None:
        """Forgets all callbacks."""
    def clear_and_get(self) -> AggRecord | None:
        """The aggregate of what is held, which is then forgotten; None if that is nothing."""
    def add_user_record(
        self, partition_key: str | bytes, data: str | bytes, explicit_hash_key: str | bytes | None = None
    ) -> AggRecord | None:
        """Adds a user record. The aggregate that it does not fit is returned, and handed to the callbacks."""

class AggRecord:
    """One aggregate: a Kinesis record under the keys of its first user record."""

    max_size: int

    def __init__(self, max_size: int = ...) -> None: ...
    def clear(self) -> None:
        """Forgets all user records."""
    def get_num_user_records(self) -> int:
        """How many user records it holds."""
    def get_size_bytes(self) -> int:
        """The bytes of its data, exactly."""
    def get_contents(self) -> tuple[str | bytes, str | bytes | None, bytes]:
        """Partition key, explicit hash key and data, to put it."""
    def get_partition_key(self) -> str | bytes | None:
        """The partition key to put it under; None if it is empty."""
    def get_explicit_hash_key(self) -> str | bytes | None:
        """The explicit hash key to put it with, if there is one."""
    def add_user_record(
        self, partition_key: str | bytes, data: str | bytes, explicit_hash_key: str | bytes | None = None
    ) -> bool:
        """Adds a user record: True, or False if it does not fit. ValueError if it never would."""
