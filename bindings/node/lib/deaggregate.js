// Kinesis records into user records.
'use strict';

const { read: core } = require('./core.js');
const { list, number, object, parse } = require('./records.js');

/** Digests are computed together, but what is more than this is no quicker and needs more memory. */
const BATCH = 2 * 1024 * 1024;

/** The flags of a request. */
const SALVAGE = 1;
const SALVAGE_DAMAGED = 4;

/** In place of a row's partition key. */
const PLAIN = 0xffffffff;
const LOSS = 0xfffffffe;

/** The numbers of a row, of a Kinesis record's line, and of a loss. */
const ROW = 5;
const LINE = 5;
const LOSS_NUMBERS = 8;

const KINDS = [
  'out-of-range',
  'partition-key-index',
  'explicit-hash-key-index',
  'explicit-hash-key',
  'explicit-hash-key-number',
  'digest-mismatch',
  'malformed',
];

/** The core's number for the outcome of a damaged Kinesis record that was opened. */
const DAMAGED = 9;

class UserRecord {
  constructor(source, partitionKey, explicitHashKey, data, subSequenceNumber, aggregated) {
    this.partitionKey = partitionKey;
    this.explicitHashKey = explicitHashKey;
    this.data = data;
    this.sequenceNumber = source.sequenceNumber;
    this.subSequenceNumber = subSequenceNumber;
    this.aggregated = aggregated;
    this.damaged = source.damaged === true;
    this.kinesisRecord = source.source;
    this.recordIndex = source.index;
  }

  /** The data as text. */
  text() {
    const { buffer, byteOffset, length } = this.data;
    return Buffer.from(buffer, byteOffset, length).toString();
  }

  /** The data as JSON. */
  json() {
    return JSON.parse(this.text());
  }

  /** The same with data and keys of its own: it keeps no Kinesis record in memory. */
  copy() {
    const { partitionKey, explicitHashKey, sequenceNumber, subSequenceNumber, aggregated, damaged } = this;
    // A part of a string keeps the whole of it.
    const own = (key) => (key === undefined ? undefined : Buffer.from(key).toString());
    const source = { source: undefined, sequenceNumber, index: this.recordIndex, damaged };
    return new UserRecord(
      source,
      own(partitionKey),
      own(explicitHashKey),
      this.data.slice(),
      subSequenceNumber,
      aggregated,
    );
  }
}

class LostUserRecords {
  constructor(source, loss) {
    this.loss = loss;
    this.partitionKey = source.partitionKey;
    this.data = source.data;
    this.sequenceNumber = source.sequenceNumber;
    this.subSequenceNumber = loss.subSequenceNumber;
    this.kinesisRecord = source.source;
    this.recordIndex = source.index;
  }
}

/** `START-END` of a range in any of its shapes. */
function range(value) {
  if (value === undefined || typeof value === 'string') return value ?? '';
  const start = number(value?.start ?? value?.StartingHashKey, "hashKeyRange's start");
  const end = number(value?.end ?? value?.EndingHashKey, "hashKeyRange's end");
  return `${start}-${end}`;
}

/** `SEQUENCE:SUB` of a position in any of its shapes. */
function position(value) {
  if (value === undefined || typeof value === 'string') return value ?? '';
  const { sequenceNumber, subSequenceNumber } = value ?? {};
  if (typeof sequenceNumber !== 'string') throw new TypeError('after has no sequenceNumber');
  if (subSequenceNumber === undefined) return sequenceNumber;
  return `${sequenceNumber}:${number(subSequenceNumber, "after's subSequenceNumber")}`;
}

/** What the options say, as the core wants it. */
function settings(options) {
  const { salvage, salvageDamaged, hashKeyRange, after } = object(options);
  return {
    flags: (salvage ? SALVAGE : 0) | (salvageDamaged ? SALVAGE_DAMAGED : 0),
    range: Buffer.from(range(hashKeyRange)),
    after: Buffer.from(position(after)),
  };
}

/** Hands a batch to the core. */
function open(batch, { flags, range, after }) {
  const resumes = after.length > 0;
  const sequenceNumbers = batch.map(({ sequenceNumber }) => Buffer.from((resumes && sequenceNumber) || ''));
  const head = 6 + batch.length * 4;
  let at = head * 4;
  let length = at + range.length + after.length;
  for (let i = 0; i < batch.length; i += 1) length += batch[i].data.length + sequenceNumbers[i].length;
  const memory = core.request(length);
  const numbers = new Uint32Array(memory.buffer, memory.byteOffset, head);
  let next = 0;
  const part = (bytes) => {
    memory.set(bytes, at);
    numbers[next] = at;
    at += bytes.length;
    numbers[next + 1] = at;
    next += 2;
  };
  numbers[next++] = flags;
  part(range);
  part(after);
  numbers[next++] = batch.length;
  for (let i = 0; i < batch.length; i += 1) {
    part(batch[i].data);
    part(sequenceNumbers[i]);
  }
  return core.answer((exports) => exports.read());
}

/** The keys of one Kinesis record: made when first used, and shared. */
class Keys {
  constructor(answer, start, end, textStart, textEnd) {
    this.ends = answer.keys;
    this.start = start;
    this.made = new Array(end - start);
    const units = end > start ? answer.keys[end - 1] : 0;
    // As many UTF-16 units as bytes: it is ASCII.
    this.text = answer.text.toString(units === textEnd - textStart ? 'latin1' : 'utf8', textStart, textEnd);
  }

  get(place) {
    const made = this.made[place];
    if (made !== undefined) return made;
    const at = this.start + place;
    const key = this.text.slice(place === 0 ? 0 : this.ends[at - 1], this.ends[at]);
    this.made[place] = key;
    return key;
  }
}

function lossOf(answer, at, recordIndex) {
  const [kind, , subSequenceNumber, start, end, offset, from, to] = answer.losses.subarray(
    at * LOSS_NUMBERS,
    (at + 1) * LOSS_NUMBERS,
  );
  const reason = answer.bytes.toString('utf8', from, to);
  return {
    kind: KINDS[kind] ?? 'unknown',
    message: `user record ${subSequenceNumber} of Kinesis record ${recordIndex}, at byte ${offset}: ${reason}`,
    subSequenceNumber,
    lost: { start, end },
    offset,
  };
}

/**
 * The user records and losses of many Kinesis records, made one at a time. Written out as an iterator: a generator
 * takes twice as long.
 */
class UserRecords {
  #records;
  #how;
  #parse;
  /** The first Kinesis record that was not opened yet. */
  #next = 0;
  /** To throw after the batch: what comes before a bad record comes out first. */
  #error;
  /** The opened ones, and the core's answer. */
  #batch = [];
  #answer;
  /** The Kinesis record that comes out now, and where its views are made. */
  #line = -1;
  #source;
  #buffer;
  #offset = 0;
  #keys;
  #textEnd = 0;
  #row = 0;
  #rowEnd = 0;

  /** Of `records`, each of which `parse` makes a Kinesis record of. */
  constructor(records, how, parse) {
    this.#records = records;
    this.#how = how;
    this.#parse = parse;
  }

  /** Of Kinesis records that are ready to be read. */
  static of(records, how) {
    return new UserRecords(records, how, (record) => record);
  }

  [Symbol.iterator]() {
    return this;
  }

  next() {
    while (this.#row >= this.#rowEnd) {
      if (!this.#nextRecord()) return { done: true, value: undefined };
    }
    const { rows } = this.#answer;
    const row = this.#row;
    this.#row = row + ROW;
    const partitionKey = rows[row + 2];
    if (partitionKey >= LOSS) return { done: false, value: this.#other(partitionKey, rows[row]) };
    const start = rows[row];
    const explicit = rows[row + 3];
    const value = new UserRecord(
      this.#source,
      this.#keys.get(partitionKey),
      explicit === 0 ? undefined : this.#keys.get(explicit - 1),
      new Uint8Array(this.#buffer, this.#offset + start, rows[row + 1] - start),
      rows[row + 4],
      true,
    );
    return { done: false, value };
  }

  /** What became of the Kinesis record that the last user record came from, in the core's numbers. */
  get outcome() {
    return this.#answer.records[this.#line * LINE];
  }

  /** Where that one's data start in their buffer. */
  get offset() {
    return this.#offset;
  }

  /** A plain Kinesis record, or a loss. */
  #other(what, at) {
    const source = this.#source;
    if (what === LOSS) return new LostUserRecords(source, lossOf(this.#answer, at, source.index));
    const data = new Uint8Array(this.#buffer, this.#offset, source.data.length);
    return new UserRecord(source, source.partitionKey, undefined, data, 0, false);
  }

  #nextRecord() {
    if (this.#line + 1 < this.#batch.length) this.#line += 1;
    else if (!this.#nextBatch()) return false;
    const { records } = this.#answer;
    const at = this.#line * LINE;
    const before = (n) => (this.#line === 0 ? 0 : records[at - LINE + n]);
    this.#source = this.#batch[this.#line];
    this.#source.damaged = records[at] === DAMAGED;
    this.#buffer = this.#source.data.buffer;
    this.#offset = this.#source.data.byteOffset;
    this.#keys = new Keys(this.#answer, before(3), records[at + 3], before(4), records[at + 4]);
    this.#rowEnd = records[at + 2];
    return true;
  }

  /** Opens Kinesis records until they are a batch. After an error there is nothing more. */
  #nextBatch() {
    const batch = this.#take();
    this.#batch = [];
    if (batch.length === 0) {
      const error = this.#error;
      this.#error = undefined;
      if (error !== undefined) throw error;
      return false;
    }
    try {
      this.#answer = open(batch, this.#how);
    } catch (error) {
      this.#next = Infinity;
      this.#error = undefined;
      throw error;
    }
    this.#batch = batch;
    this.#line = 0;
    this.#row = 0;
    this.#rowEnd = 0;
    return true;
  }

  /** Takes Kinesis records until they are a batch. */
  #take() {
    const records = this.#records;
    const batch = [];
    for (let size = 0; this.#next < records.length && size < BATCH; this.#next += 1) {
      let record;
      try {
        record = this.#parse(records[this.#next], this.#next);
      } catch (error) {
        this.#error = error;
        this.#next = Infinity;
        break;
      }
      // One that is larger than a batch goes alone: if it is too large for the core, those before it come out first.
      if (batch.length > 0 && record.data.length > BATCH) break;
      size += record.data.length;
      batch.push(record);
    }
    return batch;
  }
}

function deaggregate(source, options) {
  return new UserRecords(list(source), settings(options), parse);
}

module.exports = { deaggregate, UserRecords, open, settings };
