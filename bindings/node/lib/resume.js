// Remembering what is done of Kinesis records that will come again.
'use strict';

const { level, list } = require('./records.js');

/** Sub-sequence numbers as text: ranges with both ends, in order, as in `0-4,7`. */
function written(done) {
  const parts = [];
  let start;
  let last;
  const close = () => start !== undefined && parts.push(start === last ? `${start}` : `${start}-${last}`);
  for (const n of [...done].sort((a, b) => a - b)) {
    if (n !== last + 1) {
      close();
      start = n;
    }
    last = n;
  }
  close();
  return parts.join(',');
}

function read(text) {
  const done = new Set();
  for (const part of text === '' ? [] : text.split(',')) {
    const [, start, last = start] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? [];
    // No Kinesis record has more user records than bytes.
    if (start === undefined || Number(last) >= 2 ** 24) throw new TypeError('resume gave back what was not saved');
    for (let n = Number(start); n <= Number(last); n += 1) done.add(n);
  }
  return done;
}

/** The key of a Kinesis record among all that a function sees; undefined without a sequence number. */
function keyOf(record) {
  const at = level(record);
  const sequenceNumber = at?.sequenceNumber ?? at?.SequenceNumber;
  if (typeof sequenceNumber !== 'string' || sequenceNumber === '') return undefined;
  const { eventSourceARN = '', eventID = '' } = record;
  return `${eventSourceARN}/${`${eventID}`.split(':')[0]}/${sequenceNumber}`;
}

/** What is done of the Kinesis records of one event. */
class Progress {
  #resume;
  #keys;
  #done;

  constructor(resume, keys, texts) {
    this.#resume = resume;
    this.#keys = keys;
    this.#done = texts.map((text) => (text === undefined || text === null ? new Set() : read(`${text}`)));
  }

  static async load(event, { resume }) {
    if (resume === undefined) return new Progress(undefined, [], []);
    if (typeof resume?.load !== 'function' || typeof resume.save !== 'function') {
      throw new TypeError('resume has no load or no save');
    }
    const keys = list(event).map(keyOf);
    const known = keys.filter((key) => key !== undefined);
    const texts = Array.from(await resume.load(known));
    const at = new Map(known.map((key, n) => [key, texts[n]]));
    return new Progress(resume, keys, keys.map((key) => at.get(key)));
  }

  has({ recordIndex, subSequenceNumber }) {
    return this.#done[recordIndex]?.has(subSequenceNumber) ?? false;
  }

  add({ recordIndex, subSequenceNumber }) {
    this.#done[recordIndex]?.add(subSequenceNumber);
  }

  /** Keeps what Lambda sends again: the Kinesis records from `first` on. */
  async save(first) {
    if (this.#resume === undefined) return;
    const kept = [];
    const succeeded = [];
    this.#keys.forEach((key, index) => {
      if (key === undefined) return;
      if (index < first) succeeded.push(key);
      else kept.push([key, written(this.#done[index])]);
    });
    try {
      await this.#resume.save(kept, succeeded);
    } catch {
      // The answer counts, and what is not remembered is done again.
    }
  }
}

class MemoryResume {
  #most;
  /** The one that was saved longest ago comes first. */
  #done = new Map();

  constructor({ maxRecords = 10_000 } = {}) {
    if (!(Number.isInteger(maxRecords) && maxRecords > 0)) throw new TypeError('maxRecords is not a number above 0');
    this.#most = maxRecords;
  }

  get size() {
    return this.#done.size;
  }

  load(keys) {
    return keys.map((key) => this.#done.get(key));
  }

  save(kept, succeeded) {
    for (const key of succeeded) this.#done.delete(key);
    for (const [key, done] of kept) {
      this.#done.delete(key);
      if (done !== '') this.#done.set(key, done);
    }
    for (const key of this.#done.keys()) {
      if (this.#done.size <= this.#most) break;
      this.#done.delete(key);
    }
  }
}

module.exports = { MemoryResume, Progress };
