from collections.abc import Callable
from logging import Logger
from typing import Any

from aws_lambda_powertools.utilities import batch
from aws_lambda_powertools.utilities.batch import EventType

from . import LostUserRecords, UserRecord

__all__ = ["AsyncBatchProcessor", "BatchProcessor", "LostUserRecords"]

class BatchProcessor(batch.BatchProcessor):
    """Powertools' `BatchProcessor`, which opens aggregates.

    A loss fails its Kinesis record after its readable user records, and would do so at every retry: `on_loss` is told of
    each one, before any handler runs, and may return True to go on without it. `salvage` goes on after a bad user record,
    where the KCL stops.

    Raises ValueError for another event type, TypeError for an `on_loss` that is not callable.
    """

    def __init__(
        self,
        event_type: EventType = ...,
        model: Any = None,
        raise_on_entire_batch_failure: bool = True,
        logger: Logger | None = None,
        *,
        salvage: bool = False,
        on_loss: Callable[[UserRecord], bool | None] | None = None,
    ) -> None: ...

class AsyncBatchProcessor(batch.AsyncBatchProcessor):
    """Powertools' `AsyncBatchProcessor`, which opens aggregates, as `BatchProcessor` does."""

    def __init__(
        self,
        event_type: EventType = ...,
        model: Any = None,
        raise_on_entire_batch_failure: bool = True,
        logger: Logger | None = None,
        *,
        salvage: bool = False,
        on_loss: Callable[[UserRecord], bool | None] | None = None,
    ) -> None: ...
