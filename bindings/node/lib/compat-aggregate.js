// The writing half of the interface of npm aws-kinesis-agg 4.2.8.
'use strict';

const { encode } = require('./aggregate.js');
const { callable } = require('./records.js');

/** What a stream takes unless it was told otherwise, the partition key included; the frame takes 20 bytes. */
const MAX_RECORD = 1024 * 1024;
const FRAME = 20;

const varint = (n) => Math.max(1, Math.ceil((32 - Math.clz32(n)) / 7));
/** A length-delimited field: tag, length, content. */
const field = (length) => 1 + varint(length) + length;

/** An explicit hash key may be the number 0. */
const has = (explicitHashKey) => explicitHashKey !== undefined && explicitHashKey !== null && explicitHashKey !== '';

function check(record) {
  if (!record.data) throw new Error('Record.Data field is mandatory');
  if (!record.partitionKey) throw new Error('record.partitionKey field is mandatory');
}

function tooLarge(record, size) {
  return new Error(`a user record of ${size} bytes, with its keys, does not fit a Kinesis record`);
}

/** Refuses a user record that no aggregate can hold: it has `size` bytes, alone in a message. */
function checkAlone(record, size) {
  if (size > MAX_RECORD - FRAME - Buffer.byteLength(record.partitionKey)) throw tooLarge(record, size);
}

class RecordAggregator {
  constructor(onReadyCallback) {
    this.setOnReadyCallback(onReadyCallback);
    this.clearRecords();
  }

  setOnReadyCallback(onReadyCallback) {
    this.onReadyCallback = this.#callback(onReadyCallback);
    return this.onReadyCallback;
  }

  /** The one that is given, or else its own. */
  #callback(onReadyCallback) {
    if (!onReadyCallback) return this.onReadyCallback;
    callable(onReadyCallback, 'onReadyCallback');
    return onReadyCallback;
  }

  /** Forgets what is held. */
  clearRecords() {
    this.totalBytes = 0;
    this.putRecords = [];
    this.partitionKeys = new Map();
    this.explicitHashKeys = new Map();
  }

  length() {
    return this.putRecords.length;
  }

  /** The bytes that a user record would add. */
  calculateUserRecordSize(record) {
    check(record);
    return this.#size(record, this.partitionKeys, this.explicitHashKeys);
  }

  #size({ partitionKey, explicitHashKey, data }, partitionKeys, explicitHashKeys) {
    const index = (table, key) => 1 + varint(table.get(key) ?? table.size);
    const entry = (table, key) => (table.has(key) ? 0 : field(Buffer.byteLength(key)));
    let inner = index(partitionKeys, partitionKey) + field(Buffer.byteLength(data));
    let size = entry(partitionKeys, partitionKey);
    if (has(explicitHashKey)) {
      const text = String(explicitHashKey);
      inner += index(explicitHashKeys, text);
      size += entry(explicitHashKeys, text);
    }
    return size + field(inner);
  }

  /** The most that the message may have: the Kinesis record's key is the first one's. */
  #most(record) {
    const { partitionKey } = this.putRecords[0] ?? record;
    return MAX_RECORD - FRAME - Buffer.byteLength(partitionKey);
  }

  checkIfUserRecordFits(record) {
    return this.totalBytes + this.calculateUserRecordSize(record) <= this.#most(record);
  }

  #add(record, size) {
    const { partitionKey, explicitHashKey } = record;
    const enter = (table, key) => table.has(key) || table.set(key, table.size);
    enter(this.partitionKeys, partitionKey);
    if (has(explicitHashKey)) enter(this.explicitHashKeys, String(explicitHashKey));
    this.putRecords.push(record);
    this.totalBytes += size;
  }

  addUserRecord(record) {
    const size = this.calculateUserRecordSize(record);
    if (size > this.#most(record)) throw tooLarge(record, size);
    if (this.totalBytes + size > this.#most(record)) throw new Error("record won't fit");
    this.#add(record, size);
  }

  /** The Kinesis record of what is held, which is then forgotten; undefined if that is nothing. */
  build() {
    const records = this.putRecords;
    this.clearRecords();
    if (records.length === 0) return undefined;
    const encoded = { partitionKey: records[0].partitionKey, data: encode(records) };
    if (has(records[0].explicitHashKey)) encoded.ExplicitHashKey = records[0].explicitHashKey;
    return encoded;
  }

  flushBufferedRecords(onReadyCallback) {
    const callback = this.#callback(onReadyCallback);
    const encoded = this.build();
    callback?.(null, encoded);
  }

  aggregateRecords(records, forceFlush, onReadyCallback) {
    const callback = this.#callback(onReadyCallback);
    for (const record of records) {
      let fits;
      try {
        fits = this.checkIfUserRecordFits(record);
        if (!fits) checkAlone(record, this.#size(record, new Map(), new Map()));
      } catch (error) {
        callback?.(error);
        continue;
      }
      if (!fits) this.flushBufferedRecords(callback);
      this.#add(record, this.calculateUserRecordSize(record));
    }
    if (forceFlush === true && this.putRecords.length > 0) this.flushBufferedRecords(callback);
  }
}

/** Hands `task` one item after another, `limit` at a time, each until it calls back; then calls `drained`. */
function queue(items, limit, task, drained) {
  let next = 0;
  let running = 0;
  const more = () => {
    while (running < limit && next < items.length) {
      running += 1;
      task(items[next++], () => {
        running -= 1;
        if (running === 0 && next >= items.length) drained();
        else setImmediate(more);
      });
    }
  };
  setImmediate(more);
}

function aggregate(records, encodedRecordHandler, afterPutAggregatedRecords, errorCallback, queueSize = 1) {
  callable(encodedRecordHandler, 'encodedRecordHandler');
  callable(afterPutAggregatedRecords, 'afterPutAggregatedRecords');
  if (errorCallback) callable(errorCallback, 'errorCallback');
  const encoded = [];
  const aggregator = new RecordAggregator((error, record) => {
    if (error) errorCallback(error);
    else encoded.push(record);
  });
  aggregator.aggregateRecords(records, true);
  if (encoded.length === 0) {
    errorCallback(new Error('No records'));
    afterPutAggregatedRecords();
    return;
  }
  const put = (record, done) =>
    encodedRecordHandler(record, (error, result) => {
      if (error) errorCallback(error, result);
      done();
    });
  queue(encoded, queueSize, put, afterPutAggregatedRecords);
}

module.exports = { RecordAggregator, aggregate };
