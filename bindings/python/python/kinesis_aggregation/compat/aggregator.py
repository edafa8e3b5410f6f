"""The interface of PyPI aws-kinesis-agg 1.2.3's `aws_kinesis_agg.aggregator`."""

import threading

from .._native import encode

__all__ = ["MAX_BYTES_PER_RECORD", "AggRecord", "RecordAggregator"]

# What a stream takes unless it was told otherwise, the partition key included.
MAX_BYTES_PER_RECORD = 1024 * 1024
# Magic and digest.
_FRAME = 20


class RecordAggregator:
    """Packs user records into aggregates. It mixes shards: see `kinesis_aggregation.RecordAggregator`."""

    def __init__(self, max_size=MAX_BYTES_PER_RECORD):
        if max_size > MAX_BYTES_PER_RECORD:
            raise ValueError(f"max_size is {max_size}, more than {MAX_BYTES_PER_RECORD}")
        self.max_size = max_size
        self.current_record = AggRecord(max_size)
        self.callbacks = []

    def on_record_complete(self, callback, execute_on_new_thread=True):
        """Calls `callback` with every aggregate that is full."""
        if not callable(callback):
            raise TypeError("callback is not callable")
        if all(known != callback for known, _ in self.callbacks):
            self.callbacks.append((callback, execute_on_new_thread))

    def get_num_user_records(self):
        """How many user records are held."""
        return self.current_record.get_num_user_records()

    def get_size_bytes(self):
        """The bytes of the aggregate of what is held."""
        return self.current_record.get_size_bytes()

    def clear_record(self):
        """Forgets what is held."""
        self.current_record = AggRecord(self.max_size)

    def clear_callbacks(self):
        """Forgets all callbacks."""
        self.callbacks.clear()

    def clear_and_get(self):
        """The aggregate of what is held, which is then forgotten; None if that is nothing."""
        if self.get_num_user_records() == 0:
            return None
        held = self.current_record
        self.clear_record()
        return held

    def add_user_record(self, partition_key, data, explicit_hash_key=None):
        """Adds a user record. The aggregate that it does not fit is returned, and handed to the callbacks."""
        if self.current_record.add_user_record(partition_key, data, explicit_hash_key):
            return None
        full = self.current_record
        for callback, execute_on_new_thread in self.callbacks:
            if execute_on_new_thread:
                threading.Thread(target=callback, args=(full,)).start()
            else:
                callback(full)
        self.clear_record()
        self.current_record.add_user_record(partition_key, data, explicit_hash_key)
        return full


class AggRecord:
    """One aggregate: a Kinesis record under the keys of its first user record."""

    def __init__(self, max_size=MAX_BYTES_PER_RECORD):
        self.max_size = max_size
        self.clear()

    def clear(self):
        """Forgets all user records."""
        self._user_records = []
        self._partition_keys = {}
        self._explicit_hash_keys = {}
        self._size = _FRAME
        # As they were given: bytes or text.
        self._first_keys = ("", "")

    def get_num_user_records(self):
        """How many user records it holds."""
        return len(self._user_records)

    def get_size_bytes(self):
        """The bytes of its data, exactly."""
        return self._size

    def get_contents(self):
        """Partition key, explicit hash key and data, to put it."""
        return *self._first_keys, encode(self._user_records)

    def get_partition_key(self):
        """The partition key to put it under; None if it is empty."""
        return self._first_keys[0] if self._user_records else None

    def get_explicit_hash_key(self):
        """The explicit hash key to put it with, if there is one."""
        return self._first_keys[1] if self._user_records else None

    def add_user_record(self, partition_key, data, explicit_hash_key=None):
        """Adds a user record: True, or False if it does not fit. ValueError if it never would."""
        key = _text(partition_key, "partition_key")
        hash_key = None if explicit_hash_key is None else _text(explicit_hash_key, "explicit_hash_key")
        # aws-kinesis-agg writes none for an empty one.
        user_record = (key, _bytes(data), hash_key or None)
        size = _size(user_record, self._partition_keys, self._explicit_hash_keys)
        first_key = self._user_records[0][0] if self._user_records else key
        if self._size + size > self._limit(first_key):
            alone = _FRAME + _size(user_record, {}, {})
            if alone > self._limit(key):
                raise ValueError(f"an aggregate of this user record alone has {alone} bytes, more than {self._limit(key)}")
            return False
        if not self._user_records:
            self._first_keys = (partition_key, explicit_hash_key)
        self._user_records.append(user_record)
        self._partition_keys.setdefault(key, len(self._partition_keys))
        if hash_key:
            self._explicit_hash_keys.setdefault(hash_key, len(self._explicit_hash_keys))
        self._size += size
        return True

    def _limit(self, first_key):
        """The most bytes of an aggregate under this key, which counts in the stream's limit."""
        return min(self.max_size, MAX_BYTES_PER_RECORD - len(first_key.encode()))


def _text(key, name):
    if isinstance(key, str):
        key.encode()
        return key
    if isinstance(key, bytes):
        return key.decode()
    raise TypeError(f"{name} is neither a string nor bytes")


def _bytes(data):
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError("data is neither bytes nor a string")


def _varint(number):
    return max(1, (number.bit_length() + 6) // 7)


def _field(length):
    """A length-delimited field: tag, length, content."""
    return 1 + _varint(length) + length


def _size(user_record, partition_keys, explicit_hash_keys):
    """The bytes that a user record adds to an aggregate with these tables."""
    key, data, hash_key = user_record
    inner = 1 + _varint(partition_keys.get(key, len(partition_keys))) + _field(len(data))
    size = 0 if key in partition_keys else _field(len(key.encode()))
    if hash_key is not None:
        inner += 1 + _varint(explicit_hash_keys.get(hash_key, len(explicit_hash_keys)))
        size += 0 if hash_key in explicit_hash_keys else _field(len(hash_key.encode()))
    return size + _field(inner)
