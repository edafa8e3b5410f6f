// Processing the batches of an event source mapping.
'use strict';

const { deaggregate } = require('./deaggregate.js');
const { object } = require('./records.js');

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

  get any() {
    return this.#lowest !== undefined;
  }

  add(record, error) {
    if (this.#lowest === undefined || record.recordIndex < this.#lowest.recordIndex) this.#lowest = record;
    try {
      this.#onFailure?.(error, record);
    } catch {
      // It has failed already.
    }
  }

  /** An empty identifier stands for the whole batch. */
  answer() {
    const failures = this.any ? [{ itemIdentifier: this.#lowest.sequenceNumber ?? '' }] : [];
    return { batchItemFailures: failures };
  }
}

async function inOrder(event, handler, options) {
  const failures = new Failures(options);
  /** Fails after its readable user records. */
  let cut;
  for (const record of deaggregate(event, options)) {
    if (cut !== undefined && cut.recordIndex !== record.recordIndex) break;
    if (record.loss) {
      if (await failsAt(record, options)) cut ??= record;
      continue;
    }
    try {
      await handler(record);
    } catch (error) {
      failures.add(record, error);
      return failures.answer();
    }
  }
  if (cut !== undefined) failures.add(cut, new Error(cut.loss.message));
  return failures.answer();
}

/** Up to `limit` at a time; those of one partition key one after another. */
async function concurrently(event, handler, limit, options) {
  const failures = new Failures(options);
  /** By partition key: what waits for its turn. A key that has failed keeps nothing. */
  const lanes = new Map();
  const ready = [];
  for (const record of deaggregate(event, options)) {
    if (record.loss) {
      if (await failsAt(record, options)) failures.add(record, new Error(record.loss.message));
      continue;
    }
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
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, ready.length) }, work));
  return failures.answer();
}

async function processBatch(event, handler, options) {
  if (typeof handler !== 'function') throw new TypeError('the handler is not a function');
  const how = object(options, 'onLoss', 'onFailure');
  const { concurrency = 1 } = how;
  if (!(Number.isInteger(concurrency) && concurrency > 0)) throw new TypeError('concurrency is not a number above 0');
  return concurrency === 1 ? inOrder(event, handler, how) : concurrently(event, handler, concurrency, how);
}

module.exports = { processBatch, failsAt };
