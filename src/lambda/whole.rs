//! Processing out of order: what both the batch form and the concurrent one build on.

use super::failure::{Failure, FailureReason};
use super::processor::Processor;
use super::progress::Progress;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::Deaggregated;

/// All user records of an event that are still to be done.
pub(super) struct Whole<'b, R: EventRecord> {
    processor: &'b Processor,
    progress: Progress<'b, R>,
    records: &'b [Deaggregated<&'b R>],
    items: Vec<EventUserRecord<'b, R>>,
    /// How many of these each Kinesis record still has.
    left: Vec<usize>,
}

impl<'b, R: EventRecord> Whole<'b, R> {
    pub(super) fn new(user_records: &'b EventUserRecords<'_, R>) -> Self {
        let processor = user_records.processor();
        let progress = Progress::new(user_records.records(), processor.resume());
        let records = user_records.batch().records();
        let mut items = Vec::new();
        let mut left = Vec::with_capacity(records.len());
        for (position, record) in records.iter().enumerate() {
            let before = items.len();
            if !progress.was_complete(position) {
                let source = *record.source();
                // Losses have their turn at the end.
                let readable = record.user_records().flatten();
                let to_do = readable.filter(|user_record| {
                    !progress.is_done(position, user_record.sub_sequence_number())
                });
                items.extend(to_do.map(|item| EventUserRecord::new(position, source, item)));
            }
            left.push(items.len().saturating_sub(before));
        }
        Self {
            processor,
            progress,
            records,
            items,
            left,
        }
    }

    pub(super) fn processor(&self) -> &'b Processor {
        self.processor
    }

    pub(super) fn items(&self) -> &[EventUserRecord<'b, R>] {
        &self.items
    }

    /// The user record at `index` is done. To be said once of each.
    pub(super) fn done(&mut self, index: usize) {
        let Some(item) = self.items.get(index) else {
            return;
        };
        let position = item.position();
        self.progress.mark(position, item.sub_sequence_number());
        if let Some(left) = self.left.get_mut(position) {
            *left = left.saturating_sub(1);
        }
    }

    /// Behind the readable user records come the losses; then the answer.
    pub(super) fn finish(mut self) -> BatchResponse {
        let records = self.records.iter().zip(&self.left).enumerate();
        for (position, (record, left)) in records {
            if *left > 0 {
                continue;
            }
            if self.progress.was_complete(position) || passes(self.processor, position, record) {
                self.progress.complete(position);
            }
        }
        self.progress.finish()
    }
}

/// Whether a Kinesis record, all its readable user records done, is done in spite of its losses.
fn passes<R: EventRecord>(
    processor: &Processor,
    position: usize,
    record: &Deaggregated<&R>,
) -> bool {
    let mut cut = None;
    for loss in record.losses() {
        if processor.judge(loss, record.source()).is_fail() {
            cut.get_or_insert(loss);
        }
    }
    if let Some(loss) = cut {
        let reason = FailureReason::Cut(loss);
        processor.report(&Failure::new(position, record.source(), None, reason));
    }
    cut.is_none()
}
