// Processing the batches of an event source mapping.
'use strict';

const { deaggregate } = require('./deaggregate.js');
const { callable, object } = require('./records.js');
const { Progress } = require('./resume.js');

/**
 * What becomes of a loss: an aggregate that is out of the hash key range was left to another shard, which is no failure;
 * any other loss fails its Kinesis record, unless `onLoss` says `continue`.
 */
async function failsAt(lost, { onLoss }) {
  let says;
  try {
    says = await onLoss?.(lost);
  } catch {
    // Then it has not said `continue`.
  }
  return lost.loss.kind !== 'out-of-range' && says !== 'continue';
}

/** What has failed: Lambda starts again at the lowest. */
class Failures {
  #onFailure;
  #lowest;

  constructor({ onFailure }) {
    this.#onFailure = onFailure;
  }

  add(record, error) {
    if (this.#lowest === undefined || record.recordIndex < this.#lowest.recordIndex) this.#lowest = record;
    try {
      this.#onFailure?.(error, record);
    } catch {
      // It has failed already.
    }
  }

  /** The first Kinesis record that Lambda sends again: without an identifier, the whole batch. */
  get first() {
    if (this.#lowest === undefined) return Infinity;
    return this.#lowest.sequenceNumber ? this.#lowest.recordIndex : 0;
  }

  /** An empty identifier means the whole batch. */
  answer() {
    const failures = this.#lowest === undefined ? [] : [{ itemIdentifier: this.#lowest.sequenceNumber ?? '' }];
    return { batchItemFailures: failures };
  }
}

async function inOrder(event, handler, options, progress, failures) {
  /** Fails after its readable user records. */
  let cut;
  for (const record of deaggregate(event, options)) {
    if (cut !== undefined && cut.recordIndex !== record.recordIndex) break;
    if (record.loss) {
      if (await failsAt(record, options)) cut ??= record;
      continue;
    }
    if (progress.has(record)) continue;
    try {
      await handler(record);
    } catch (error) {
      failures.add(record, error);
      return;
    }
    progress.add(record);
  }
  if (cut !== undefined) failures.add(cut, new Error(cut.loss.message));
}

/** Up to `limit` at a time; those of one partition key one after another. */
async function concurrently(event, handler, limit, options, progress, failures) {
  /** By partition key: what waits for its turn. A key that has failed keeps nothing. */
  const lanes = new Map();
  const ready = [];
  for (const record of deaggregate(event, options)) {
    if (record.loss) {
      if (await failsAt(record, options)) failures.add(record, new Error(record.loss.message));
      continue;
    }
    if (progress.has(record)) continue;
    // Without a key there is no order.
    const key = record.partitionKey ?? Symbol('none');
    const lane = lanes.get(key);
    if (lane !== undefined) lane.push(record);
    else {
      const started = [record];
      lanes.set(key, started);
      ready.push(started);
    }
  }
  let next = 0;
  const work = async () => {
    while (next < ready.length) {
      const lane = ready[next++];
      for (const record of lane) {
        try {
          await handler(record);
        } catch (error) {
          failures.add(record, error);
          break;
        }
        progress.add(record);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, ready.length) }, work));
}

async function processBatch(event, handler, options) {
  callable(handler, 'the handler');
  const how = object(options, 'onLoss', 'onFailure');
  const { concurrency = 1 } = how;
  if (!(Number.isInteger(concurrency) && concurrency > 0)) throw new TypeError('concurrency is not a number above 0');
  const failures = new Failures(how);
  const progress = await Progress.load(event, how);
  try {
    if (concurrency === 1) await inOrder(event, handler, how, progress, failures);
    else await concurrently(event, handler, concurrency, how, progress, failures);
  } catch (error) {
    // No answer: Lambda sends everything again.
    await progress.save(0);
    throw error;
  }
  await progress.save(failures.first);
  return failures.answer();
}

module.exports = { processBatch, failsAt };
