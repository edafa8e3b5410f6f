'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const compat = require('../lib/compat.js');
const { root, aggregated, frame, random } = require('../test-support.js');

/** All that a call of `deaggregate` calls back. */
function calls(library, record, checksums = true) {
  const log = [];
  const plain = (error) => (error ? 'error' : (error ?? null));
  const perRecord = (error, userRecord) => log.push(['record', plain(error), userRecord]);
  library.deaggregate(record, checksums, perRecord, (error, failed) => log.push(['after', plain(error), failed]));
  return log;
}

/** What `deaggregateSync` hands over. */
function sync(library, record, checksums = true) {
  const log = [];
  library.deaggregateSync(record, checksums, (error, userRecords) => log.push([Boolean(error), userRecords]));
  return log;
}

const base64 = (data) => Buffer.from(data).toString('base64');

test('an aggregate, in the shapes of Lambda and of both SDKs', () => {
  const data = aggregated(['a', 'b'], ['7', '-123'], [[0, 0, 'one'], [1, 1, 'two']]);
  const v2 = { partitionKey: 'outer', sequenceNumber: '5', data: base64(data) };
  const user = (partitionKey, explicitPartitionKey, subSequenceNumber, text) => ({
    partitionKey, explicitPartitionKey, sequenceNumber: '5', subSequenceNumber, data: base64(text),
  });
  const [one, two] = [user('a', '7', 0, 'one'), user('b', '-123', 1, 'two')];
  assert.deepEqual(calls(compat, v2), [['record', null, one], ['record', null, two], ['after', null, undefined]]);
  assert.deepEqual(sync(compat, v2), [[false, [one, two]]]);
  const v3 = { PartitionKey: 'outer', SequenceNumber: '5', Data: new Uint8Array(data) };
  const [, [, , large]] = calls(compat, v3);
  assert.deepEqual(large, { PartitionKey: 'b', ExplicitPartitionKey: '-123', SequenceNumber: '5', SubSequenceNumber: 1, Data: base64('two') });
});

test('a plain record has no sub-sequence number', () => {
  const record = { partitionKey: 'k', sequenceNumber: '5', data: base64('plain') };
  const expected = { partitionKey: 'k', explicitPartitionKey: undefined, sequenceNumber: '5', data: base64('plain') };
  assert.deepEqual(calls(compat, record), [['record', null, expected], ['after', null, undefined]]);
});

test('a wrong digest is an error if it is looked at', () => {
  const data = aggregated(['a'], [], [[0, undefined, 'x']]);
  data[data.length - 1] ^= 1;
  const record = { partitionKey: 'k', sequenceNumber: '5', data: base64(data) };
  assert.deepEqual(calls(compat, record), [['after', 'error', undefined]]);
  assert.equal(sync(compat, record, false)[0][1][0].data, base64('x'));
});

test('faults that are not copied', () => {
  const record = (data) => ({ partitionKey: 'k', sequenceNumber: '5', data: base64(data) });
  const hashKeys = sync(compat, record(aggregated(['a'], ['7'], [[0, undefined, 'x']])));
  assert.equal(hashKeys[0][1][0].explicitPartitionKey, undefined);
  const index = calls(compat, record(aggregated(['a'], [], [[9, undefined, 'x'], [0, undefined, 'y']])));
  assert.deepEqual(index.map(([what, error, r]) => [what, error, r?.subSequenceNumber]), [
    ['after', 'error', 0], ['record', null, 1], ['after', null, undefined],
  ]);
  assert.deepEqual(calls(compat, record(frame(Buffer.from([0xff])))), [['after', 'error', undefined]]);
});

test('an error in the callback comes back with the place, and the rest goes on', () => {
  const record = { partitionKey: 'k', sequenceNumber: '5', data: base64(aggregated(['a'], [], [[0, undefined, 'x'], [0, undefined, 'y']])) };
  const log = [];
  const perRecord = (_, { subSequenceNumber }) => {
    if (subSequenceNumber === 0) throw new Error('mine');
    log.push('second');
  };
  compat.deaggregate(record, true, perRecord, (error, failed) => log.push([error?.message, failed?.subSequenceNumber]));
  assert.deepEqual(log, [['mine', 0], 'second', [undefined, undefined]]);
});

/** What an aggregator makes of user records, read back. */
function roundTrip(records) {
  const encoded = [];
  new compat.RecordAggregator((error, record) => encoded.push(error ?? record)).aggregateRecords(records, true);
  return encoded;
}

test('integer-like keys stay where they are', () => {
  const records = ['b', '10', '2'].map((partitionKey) => ({ partitionKey, explicitHashKey: partitionKey, data: partitionKey }));
  const [encoded] = roundTrip(records);
  assert.equal(encoded.ExplicitHashKey, 'b');
  const [[, read]] = sync(compat, { partitionKey: 'x', sequenceNumber: '1', data: encoded.data });
  assert.deepEqual(read.map((r) => [r.partitionKey, r.explicitPartitionKey, r.data]), records.map((r) => [r.data, r.data, base64(r.data)]));
});

test('the number 0 is an explicit hash key', () => {
  const [encoded] = roundTrip([0, 1].map((explicitHashKey) => ({ partitionKey: 'a', explicitHashKey, data: 'x' })));
  assert.equal(encoded.ExplicitHashKey, 0);
  const [[, read]] = sync(compat, { partitionKey: 'x', sequenceNumber: '1', data: encoded.data });
  assert.deepEqual(read.map((r) => r.explicitPartitionKey), ['0', '1']);
});

test('never more than a stream takes, in bytes, the key included', () => {
  const records = Array.from({ length: 1600 }, (_, n) => ({ partitionKey: `key ${n} ü`, data: 'ü'.repeat(512) }));
  const encoded = roundTrip(records);
  assert.equal(encoded.length, 2);
  for (const { partitionKey, data } of encoded) assert.ok(Buffer.byteLength(partitionKey) + data.length <= 1 << 20);
  const [error, small] = roundTrip([{ partitionKey: 'a', data: Buffer.alloc(1 << 20) }, { partitionKey: 'a', data: 'x' }]);
  assert.ok(error instanceof Error);
  assert.equal(small.partitionKey, 'a');
});

test('the size that an aggregator counts is the size that comes out', () => {
  const next = random(7);
  const aggregator = new compat.RecordAggregator();
  for (let n = 0; n < 500; n += 1) {
    const explicitHashKey = next(2) === 0 ? `${next(300)}` : undefined;
    aggregator.addUserRecord({ partitionKey: `k${next(200)}`, explicitHashKey, data: Buffer.alloc(next(400)) });
    assert.equal(aggregator.length(), n + 1);
  }
  const { totalBytes } = aggregator;
  assert.equal(aggregator.build().data.length, totalBytes + 20);
  assert.deepEqual([aggregator.length(), aggregator.build()], [0, undefined]);
});

test('a user record that lacks something', () => {
  const aggregator = new compat.RecordAggregator();
  assert.throws(() => aggregator.addUserRecord({ partitionKey: 'a' }), /Record.Data field is mandatory/);
  assert.throws(() => aggregator.addUserRecord({ data: 'x' }), /record.partitionKey field is mandatory/);
  assert.equal(aggregator.checkIfUserRecordFits({ partitionKey: 'a', data: Buffer.alloc(1 << 20) }), false);
  assert.throws(() => aggregator.addUserRecord({ partitionKey: 'a', data: Buffer.alloc(1 << 20) }));
});

test('aggregate: handlers one after another, then the last call', async () => {
  for (const [records, handled, errors] of [[[], 0, 1], [Array(3).fill({ partitionKey: 'a', data: Buffer.alloc(600_000) }), 3, 0]]) {
    const log = { handled: 0, errors: 0, running: 0 };
    const handler = (_, done) => {
      assert.equal(++log.running, 1);
      setImmediate(() => {
        log.running -= 1;
        log.handled += 1;
        done(null, true);
      });
    };
    await new Promise((resolve) => compat.aggregate(records, handler, resolve, () => (log.errors += 1)));
    assert.deepEqual([log.handled, log.errors], [handled, errors]);
  }
});

/** Everything that `aggregate` calls back; its handler is given each Kinesis record. */
function put(records) {
  const log = { encoded: [], errors: [] };
  const handler = (record, done) => done(null, log.encoded.push(record));
  return new Promise((resolve) => compat.aggregate(records, handler, () => resolve(log), (error) => log.errors.push(error)));
}

// What the tests of aws-kinesis-agg put in, and what they expect.
test('text and bytes, of characters outside ASCII, under an explicit hash key that is no number', async () => {
  const texts = { first: 'a text of 漢字', second: 'bytes' };
  const { encoded, errors } = await put([
    { partitionKey: 'first', explicitHashKey: 'ccc', data: texts.first },
    { partitionKey: 'second', explicitHashKey: 'ccc', data: Buffer.from(texts.second) },
  ]);
  assert.deepEqual([encoded.length, errors], [1, []]);
  const [[, read]] = sync(compat, encoded[0]);
  assert.deepEqual(read.map((r) => [r.explicitPartitionKey, Buffer.from(r.data, 'base64').toString()]), [
    ['ccc', texts.first], ['ccc', texts.second],
  ]);
});

test('a user record that no Kinesis record holds is an error, and the others are put', async () => {
  const text = (length) => 'x'.repeat(length);
  const { encoded, errors } = await put([1 << 20, 42].map((length) => ({ partitionKey: 'a', data: text(length) })));
  assert.equal(errors.length, 1);
  assert.deepEqual(encoded.map((record) => sync(compat, record)[0][1].map((r) => r.data)), [[base64(text(42))]]);
});

test('an explicit hash key only where one was given', async () => {
  for (const explicitHashKey of [undefined, '5']) {
    const { encoded } = await put([{ partitionKey: 'a', explicitHashKey, data: 'x' }]);
    assert.equal('ExplicitHashKey' in encoded[0], explicitHashKey !== undefined);
    assert.equal(encoded[0].ExplicitHashKey, explicitHashKey);
  }
});

test('a callback that is no function is an error before anything is lost', () => {
  const noFunction = { name: 'TypeError', message: /^\w+ is not a function$/ };
  const nothing = () => {};
  const record = { data: 'eA==' };
  for (const wrong of [5, 'callback', {}, true]) {
    assert.throws(() => new compat.RecordAggregator(wrong), noFunction);
    const aggregator = new compat.RecordAggregator(nothing);
    aggregator.addUserRecord({ partitionKey: 'k', data: 'x' });
    assert.throws(() => aggregator.setOnReadyCallback(wrong), noFunction);
    assert.throws(() => aggregator.flushBufferedRecords(wrong), noFunction);
    assert.throws(() => aggregator.aggregateRecords([{ partitionKey: 'k', data: 'x' }], true, wrong), noFunction);
    assert.equal(aggregator.length(), 1);
    assert.throws(() => compat.aggregate([], wrong, nothing, nothing), noFunction);
    assert.throws(() => compat.aggregate([], nothing, wrong, nothing), noFunction);
    assert.throws(() => compat.aggregate([], nothing, nothing, wrong), noFunction);
    assert.throws(() => compat.deaggregate(record, true, wrong, nothing), noFunction);
    assert.throws(() => compat.deaggregate(record, true, nothing, wrong), noFunction);
    assert.throws(() => compat.deaggregateSync(record, true, wrong), noFunction);
  }
});

const theirs = join(root, 'target/interop/node/node_modules/aws-kinesis-agg');

const asTheirs = { skip: !existsSync(theirs) && 'tests/interop/setup node installs it' };

test('with null for a callback the aggregator calls its own, as in aws-kinesis-agg', asTheirs, () => {
  for (const library of [require(theirs), compat]) {
    let calls = 0;
    const aggregator = new library.RecordAggregator(() => (calls += 1));
    aggregator.addUserRecord({ partitionKey: 'k', data: 'x' });
    aggregator.flushBufferedRecords(null);
    aggregator.aggregateRecords([{ partitionKey: 'k', data: 'x' }], true, null);
    assert.deepEqual([calls, aggregator.length()], [2, 0]);
  }
});

test('what a callback throws comes out, as in aws-kinesis-agg', asTheirs, () => {
  const records = Array(3).fill({ partitionKey: 'a', data: Buffer.alloc(600_000) });
  for (const library of [require(theirs), compat]) {
    let calls = 0;
    const aggregator = new library.RecordAggregator(() => {
      calls += 1;
      throw new RangeError('mine');
    });
    assert.throws(() => aggregator.aggregateRecords(records, true), { message: 'mine' });
    assert.equal(calls, 1);
  }
});

test('aws-kinesis-agg itself says the same', asTheirs, () => {
  const aws = require(theirs);
  const next = random(Number(process.env.SEED ?? 1));
  for (let n = 0; n < 2000; n += 1) {
    // With an explicit hash key for each or for none, and no integer-like keys: what it has no fault for.
    const hashKeys = next(2) === 0;
    const records = Array.from({ length: 1 + next(20) }, () => ({
      partitionKey: `k${next(9)}`,
      explicitHashKey: hashKeys ? `h${next(5)}` : undefined,
      data: Buffer.from('x'.repeat(1 + next(300))),
    }));
    const encoded = [aws, compat].map((library) => {
      const aggregator = new library.RecordAggregator();
      for (const record of records) aggregator.addUserRecord(record);
      return [aggregator.length(), aggregator.totalBytes, aggregator.build()];
    });
    assert.deepEqual(encoded[1], encoded[0]);
    const { data } = encoded[0][2];
    if (next(4) === 0) data[next(data.length)] ^= 1;
    const v2 = { partitionKey: 'p', sequenceNumber: `${n}`, data: base64(data) };
    const v3 = { PartitionKey: 'p', SequenceNumber: `${n}`, Data: data };
    for (const record of [v2, v3]) {
      assert.deepEqual(calls(compat, record), calls(aws, record));
      assert.deepEqual(sync(compat, record), sync(aws, record));
    }
  }
});
