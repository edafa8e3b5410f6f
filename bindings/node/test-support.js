// What the tests share: frames written by hand, and the vectors of the real KPL.
'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '../..');

function varint(n) {
  const bytes = [];
  for (; n > 127; n >>>= 7) bytes.push((n & 127) | 128);
  return Buffer.from([...bytes, n]);
}

const field = (tag, bytes) => Buffer.concat([Buffer.from([tag]), varint(bytes.length), Buffer.from(bytes)]);

/** A frame around a protobuf body, with the right digest. */
function frame(body) {
  const digest = createHash('md5').update(body).digest();
  return Buffer.concat([Buffer.from('f3899ac2', 'hex'), body, digest]);
}

/** An aggregate: `records` are [partition key index, explicit hash key index or undefined, data]. */
function aggregated(partitionKeys, explicitHashKeys, records) {
  const record = ([key, explicit, data]) => {
    const hashKey = explicit === undefined ? [] : [Buffer.from([0x10]), varint(explicit)];
    return field(0x1a, Buffer.concat([Buffer.from([0x08]), varint(key), ...hashKey, field(0x1a, Buffer.from(data))]));
  };
  const keys = partitionKeys.map((key) => field(0x0a, Buffer.from(key)));
  const hashKeys = explicitHashKeys.map((key) => field(0x12, Buffer.from(key)));
  return frame(Buffer.concat([...keys, ...hashKeys, ...records.map(record)]));
}

/** Random numbers from a seed (xorshift32). */
function random(seed) {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const vectors = ['kpl.json', 'kpl-more.json'].flatMap((name) =>
  JSON.parse(readFileSync(join(root, 'tests/vectors', name), 'utf8')),
);

module.exports = { root, frame, field, aggregated, random, vectors };
