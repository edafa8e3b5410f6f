"""Powertools for AWS Lambda's batch processors for Kinesis streams, which open aggregates.

Your record handler is called with one user record at a time: a `KinesisStreamRecord`, or your model. What fails is reported
by the sequence number of its Kinesis record, which is what Lambda starts again from.
"""

import base64
import sys

from aws_lambda_powertools.utilities import batch
from aws_lambda_powertools.utilities.batch import EventType

from ._native import LostUserRecords, deaggregate

__all__ = ["AsyncBatchProcessor", "BatchProcessor", "LostUserRecords"]


class _Bad:
    """In place of user records: what fails the Kinesis record."""

    def __init__(self, record, error):
        self.record = record
        self.error = error


class _Opens:
    def __init__(
        self,
        event_type=EventType.KinesisDataStreams,
        model=None,
        raise_on_entire_batch_failure=True,
        logger=None,
        *,
        salvage=False,
        on_loss=None,
    ):
        if event_type is not EventType.KinesisDataStreams:
            raise ValueError("only Kinesis streams have aggregates")
        if on_loss is not None and not callable(on_loss):
            raise TypeError("on_loss is not callable")
        # Only later versions know it.
        logging = {} if logger is None else {"logger": logger}
        super().__init__(event_type, model, raise_on_entire_batch_failure, **logging)
        self._salvage = salvage
        self._on_loss = on_loss

    def __call__(self, records, handler, lambda_context=None):
        opened = [it for record in records for it in self._open(record)]
        return super().__call__(opened, handler, lambda_context)

    def _open(self, record):
        bad = None
        try:
            for user_record in deaggregate(record, salvage=self._salvage):
                if user_record.loss is None:
                    yield _as_event(record, user_record) if user_record.aggregated else record
                elif self._on_loss is None or self._on_loss(user_record) is not True:
                    bad = LostUserRecords(user_record.loss)
        except (TypeError, ValueError) as error:
            bad = error
        if bad is not None:
            yield _Bad(record, bad)

    def _fail(self, bad):
        failed = self._to_batch_type(bad.record, self.event_type)
        try:
            raise bad.error
        except Exception:
            return self.failure_handler(failed, sys.exc_info())

    def _collect_kinesis_failures(self):
        # A Kinesis record once, however many of its user records failed.
        identifiers = dict.fromkeys(failure["itemIdentifier"] for failure in super()._collect_kinesis_failures())
        return [{"itemIdentifier": identifier} for identifier in identifiers]


class BatchProcessor(_Opens, batch.BatchProcessor):
    """Powertools' `BatchProcessor`, which opens aggregates."""

    def _process_record(self, record):
        return self._fail(record) if isinstance(record, _Bad) else super()._process_record(record)


class AsyncBatchProcessor(_Opens, batch.AsyncBatchProcessor):
    """Powertools' `AsyncBatchProcessor`, which opens aggregates."""

    async def _async_process_record(self, record):
        return self._fail(record) if isinstance(record, _Bad) else await super()._async_process_record(record)


def _as_event(record, user_record):
    """The user record as Lambda would give it if it had been put alone."""
    return {
        **record,
        "kinesis": {
            **record["kinesis"],
            "partitionKey": user_record.partition_key,
            "explicitHashKey": user_record.explicit_hash_key,
            "subSequenceNumber": user_record.sub_sequence_number,
            "aggregated": True,
            "data": base64.b64encode(user_record.data).decode(),
        },
    }
