// User records into Kinesis records.
'use strict';

const { Request, write: core } = require('./core.js');
const { number, object } = require('./records.js');

/** The core's word for the KPL's own setting. */
const DEFAULT = 0xffffffff;

const MIXING_SHARDS = 1;
const BY_SHARD_MAP = 2;
const OUTER_KEY_FIRST = 4;
const OUTER_KEY_GIVEN = 8;

/** The numbers of a Kinesis record's line, and of a refused user record. */
const LINE = 5;
const REFUSED = 3;

function size(value, name) {
  if (value === undefined) return DEFAULT;
  if (Number.isInteger(value) && value >= 0 && value < DEFAULT) return value;
  throw new TypeError(`${name} is not a number of 32 bits`);
}

function openRequest(options) {
  const { shards, mixingShards = false, maxSize, maxCount, maxRecordSize, outerKey } = object(options);
  if (shards !== undefined && !Array.isArray(shards)) throw new TypeError('shards is not an array');
  if (mixingShards && shards !== undefined) throw new TypeError('either shards or mixingShards');
  const first = outerKey !== undefined && outerKey?.first === true;
  if (outerKey !== undefined && !first && typeof outerKey !== 'string') {
    throw new TypeError('outerKey is neither a string nor { first: true }');
  }
  const request = new Request();
  request.number(
    (mixingShards ? MIXING_SHARDS : 0) |
      (shards ? BY_SHARD_MAP : 0) |
      (first ? OUTER_KEY_FIRST : 0) |
      (typeof outerKey === 'string' ? OUTER_KEY_GIVEN : 0),
  );
  request.number(size(maxSize, 'maxSize'));
  request.number(size(maxCount, 'maxCount'));
  request.number(size(maxRecordSize, 'maxRecordSize'));
  request.part(first ? '' : (outerKey ?? ''));
  request.number(shards ? shards.length : 0);
  for (const shard of shards ?? []) {
    const { ShardId, HashKeyRange, SequenceNumberRange } = shard ?? {};
    if (typeof ShardId !== 'string' || !HashKeyRange) throw new TypeError('a shard has no ShardId or no HashKeyRange');
    request.part(ShardId);
    const start = number(HashKeyRange.StartingHashKey, 'a StartingHashKey');
    request.part(`${start}-${number(HashKeyRange.EndingHashKey, 'an EndingHashKey')}`);
    request.number(SequenceNumberRange?.EndingSequenceNumber ? 1 : 0);
  }
  return request;
}

/** The numbers of a user record in a request: start and end of its partition key, explicit hash key, data. */
const PARTS = 6;

/** Hands over a request of user records. Keys that come again are written once. */
function sendUserRecords(userRecords) {
  const count = userRecords.length;
  const numbers = new Uint32Array(1 + PARTS * count);
  numbers[0] = count;
  let end = numbers.byteLength;
  /** Where each key is, and its end. */
  const keys = new Map();
  const enter = (text) => {
    const start = end;
    end += Buffer.byteLength(text);
    const place = { start, end };
    keys.set(text, place);
    return place;
  };
  const datas = new Array(count);
  for (let index = 0, at = 1; index < count; index += 1, at += PARTS) {
    const { partitionKey, explicitHashKey, data } = userRecords[index] ?? {};
    if (typeof partitionKey !== 'string') throw new TypeError(`user record ${index}: its partitionKey is not a string`);
    const key = keys.get(partitionKey) ?? enter(partitionKey);
    numbers[at] = key.start;
    numbers[at + 1] = key.end;
    if (explicitHashKey !== undefined && explicitHashKey !== null) {
      const text = number(explicitHashKey, `user record ${index}: its explicitHashKey`);
      const hashKey = keys.get(text) ?? enter(text);
      numbers[at + 2] = hashKey.start;
      numbers[at + 3] = hashKey.end;
    }
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(`user record ${index}: its data are neither a string nor a Uint8Array`);
    }
    datas[index] = bytes;
    numbers[at + 4] = end;
    end += bytes.length;
    numbers[at + 5] = end;
  }
  const memory = core.request(end);
  new Uint32Array(memory.buffer, memory.byteOffset, numbers.length).set(numbers);
  for (const [text, { start }] of keys) memory.write(text, start);
  for (let index = 0; index < count; index += 1) memory.set(datas[index], numbers[PARTS * index + 5]);
}

/** Entries for PutRecords. */
function kinesisRecords({ records, text, bytes }) {
  const made = [];
  let start = 0;
  for (let at = 0; at < records.length; at += LINE) {
    const [keyStart, keyEnd, hashKeyEnd, end] = records.subarray(at, at + LINE);
    const entry = { Data: bytes.subarray(start, end), PartitionKey: text.toString('utf8', keyStart, keyEnd) };
    if (hashKeyEnd > keyEnd) entry.ExplicitHashKey = text.toString('latin1', keyEnd, hashKeyEnd);
    made.push(entry);
    start = end;
  }
  return made;
}

function refusals({ losses, text }) {
  const made = [];
  for (let at = 0; at < losses.length; at += REFUSED) {
    const [index, start, end] = losses.subarray(at, at + REFUSED);
    made.push({ index, message: text.toString('utf8', start, end) });
  }
  return made.sort((a, b) => a.index - b.index);
}

/** Frees an aggregator. The core may have started anew since: then it is gone already. */
function close({ exports, handle }) {
  if (exports === core.exports) exports.close(handle);
}

/** Frees what nobody holds any more. */
const forgotten = new FinalizationRegistry(close);

class RecordAggregator {
  #open;

  constructor(options) {
    openRequest(options).send(core);
    const { status } = core.answer((exports) => exports.aggregator());
    this.#open = { exports: core.exports, handle: status };
    forgotten.register(this, this.#open, this);
  }

  #handle(exports) {
    if (this.#open?.exports !== exports) throw new Error('the aggregator is closed');
    return this.#open.handle;
  }

  #push(userRecords, flush) {
    const handle = this.#handle(core.exports);
    sendUserRecords(userRecords);
    return core.answer((exports) => exports.push(handle, flush ? 1 : 0));
  }

  push(userRecord) {
    const answer = this.#push([userRecord], false);
    const [refused] = refusals(answer);
    if (refused) throw new RangeError(refused.message);
    return kinesisRecords(answer);
  }

  flush() {
    return kinesisRecords(this.#push([], true));
  }

  get length() {
    return core.exports.buffered_count(this.#handle(core.exports)) >>> 0;
  }

  get size() {
    return core.exports.buffered_size(this.#handle(core.exports)) >>> 0;
  }

  close() {
    if (this.#open === undefined) return;
    forgotten.unregister(this);
    close(this.#open);
    this.#open = undefined;
  }

  /** Many at once, and nothing is kept: their digests are computed together. */
  static batch(userRecords, options) {
    const aggregator = new RecordAggregator(options);
    try {
      const answer = aggregator.#push(userRecords, true);
      return { kinesisRecords: kinesisRecords(answer), refused: refusals(answer) };
    } finally {
      aggregator.close();
    }
  }
}

function aggregate(userRecords, options) {
  if (typeof userRecords?.[Symbol.iterator] !== 'function') throw new TypeError('the user records are not iterable');
  return RecordAggregator.batch(Array.from(userRecords), options);
}

/** One frame of all user records, for the compatible interface. */
function encode(userRecords) {
  sendUserRecords(userRecords);
  return core.answer((exports) => exports.encode()).bytes;
}

module.exports = { aggregate, RecordAggregator, encode };
