'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { deaggregate } = require('../lib/index.js');
const { root, aggregated, frame, vectors } = require('../test-support.js');

const of = (data, options) => [...deaggregate([{ data, partitionKey: 'outer', sequenceNumber: '7' }], options)];
const brief = (records) => records.map((r) => (r.loss ? r.loss.kind : `${r.partitionKey}:${r.text()}`));

test('the real KPL: what was put comes out', () => {
  for (const { name, put, kinesis_records: records } of vectors) {
    if (name === 'data_is_aggregate_lone') continue; // Consumers open it: the vectors' README.
    const read = records.flatMap(({ data, partition_key: key, hash_range: [start, end] }) => {
      const record = { Data: Buffer.from(data, 'hex'), PartitionKey: key };
      return [...deaggregate([record], { hashKeyRange: { start, end } })];
    });
    const text = (key, data) => `${key} ${data}`;
    const got = read.map((r) => text(r.partitionKey, Buffer.from(r.data).toString('hex'))).sort();
    const wanted = put.filter((p) => !p.refused).map((p) => text(p.partition_key, p.data)).sort();
    assert.deepEqual(got, wanted, name);
  }
});

test('every shape of event', () => {
  for (const name of ['kinesis.json', 'pipes.json', 'firehose.json', 'firehose-direct.json']) {
    const event = JSON.parse(readFileSync(join(root, 'tests/events', name), 'utf8'));
    const records = [...deaggregate(event)];
    assert.equal(records[0].text(), 'seventeen', name);
    assert.equal(records[0].partitionKey, name === 'firehose-direct.json' ? undefined : 'order-17', name);
  }
  const page = { Records: [{ Data: Uint8Array.of(104, 105), PartitionKey: 'k', SequenceNumber: '9' }] };
  const [record] = deaggregate(page);
  assert.deepEqual([record.text(), record.sequenceNumber, record.aggregated], ['hi', '9', false]);
  assert.equal(record.kinesisRecord, page.Records[0]);
});

test('a user record says all that it knows', () => {
  const data = aggregated(['a', 'ü'], ['007'], [[0, undefined, 'one'], [1, 0, 'two'], [0, undefined, '']]);
  const [one, two, empty] = of(data);
  assert.deepEqual([one.partitionKey, one.explicitHashKey, one.subSequenceNumber, one.aggregated], ['a', undefined, 0, true]);
  assert.deepEqual([two.partitionKey, two.explicitHashKey, two.text(), two.sequenceNumber], ['ü', '007', 'two', '7']);
  assert.equal(empty.data.length, 0);
});

test('the data are a view, and a copy is not', () => {
  const data = aggregated(['a'], [], [[0, undefined, '{"n":1}']]);
  const [record] = of(data);
  assert.equal(record.data.buffer, data.buffer);
  const copy = record.copy();
  data.fill(0);
  assert.deepEqual(copy.json(), { n: 1 });
  assert.equal(copy.data.buffer.byteLength, 7);
  assert.equal(copy.kinesisRecord, undefined);
});

test('what the KCL would lose is a value in its place', () => {
  const good = (n) => [0, undefined, `${n}`];
  assert.deepEqual(brief(of(aggregated(['a'], [], [good(0), [5, undefined, 'x'], good(2)]))), ['a:0', 'partition-key-index']);
  assert.deepEqual(brief(of(aggregated(['a'], ['zz'], [good(0), [0, 0, 'x']]))), ['a:0', 'explicit-hash-key']);
  assert.deepEqual(brief(of(aggregated(['a'], [], [good(0), [0, 3, 'x']]))), ['a:0', 'explicit-hash-key-index']);
  const beyond = aggregated(['a'], ['-1'], [good(0), [0, 0, 'x']]);
  assert.deepEqual(brief(of(beyond)), ['a:0', 'explicit-hash-key-number']);
  const all = { start: 0n, end: (1n << 128n) - 1n };
  assert.deepEqual(brief(of(beyond, { hashKeyRange: all })), ['explicit-hash-key-number']);
  assert.deepEqual(brief(of(aggregated(['a'], ['9'], [good(0), [0, 0, 'x']]), { hashKeyRange: '0-5' })), ['out-of-range']);
  const [, { loss }] = of(aggregated(['a'], [], [good(0), [5, undefined, 'x'], good(2)]));
  assert.deepEqual(loss.lost, { start: 1, end: 3 });
  assert.match(loss.message, /^user record 1 of Kinesis record 0, at byte 14: its partition key index 5 is beyond/);
});

test('range, salvage, resuming', () => {
  const data = aggregated(['a'], ['5', '50'], [[0, 0, 'x'], [0, 1, 'y']]);
  for (const range of ['0-9', { start: 0n, end: 9n }, { StartingHashKey: '0', EndingHashKey: '9' }]) {
    assert.deepEqual(brief(of(data, { hashKeyRange: range })), ['out-of-range']);
  }
  assert.deepEqual(brief(of(data, { hashKeyRange: '5-50' })), ['a:x', 'a:y']);
  const bad = aggregated(['a'], [], [[9, undefined, 'x'], [0, undefined, 'y']]);
  assert.deepEqual(brief(of(bad, { salvage: true })), ['partition-key-index', 'a:y']);
  assert.deepEqual(brief(of(data, { after: { sequenceNumber: '7', subSequenceNumber: 0 } })), ['a:y']);
  assert.deepEqual(of(data, { after: '7' }), []);
  assert.deepEqual(brief(of(data, { after: '6' })), ['a:x', 'a:y']);
});

test('damaged aggregates are opened if that is asked for', () => {
  const good = aggregated(['a'], [], [[0, undefined, 'x'], [0, undefined, 'y']]);
  const changed = Buffer.from(good);
  changed[changed.indexOf('x')] = 'z'.charCodeAt(0);
  const cut = good.subarray(0, -18);
  for (const data of [good, Buffer.from('plain')]) {
    assert.deepEqual(of(data, { salvageDamaged: true }).map((r) => r.damaged), of(data).map(() => false));
  }
  for (const data of [changed, cut]) {
    for (const options of [{}, { salvage: true, salvageDamaged: false }]) {
      const [record, ...others] = of(data, options);
      assert.deepEqual([record.aggregated, record.damaged, others], [false, false, []]);
    }
  }
  assert.deepEqual(brief(of(changed, { salvageDamaged: true })), ['digest-mismatch', 'a:z', 'a:y']);
  assert.deepEqual(brief(of(cut, { salvageDamaged: true })), ['a:x', 'malformed']);
  const [{ loss }, record] = of(changed, { salvageDamaged: true });
  assert.deepEqual([loss.lost, record.damaged, record.copy().damaged], [{ start: 0, end: 0 }, true, true]);
  // A mark belongs to one Kinesis record.
  const records = [...deaggregate([{ data: changed }, { data: good }], { salvageDamaged: true })];
  assert.deepEqual(records.map((r) => r.damaged), [undefined, true, true, false, false]);
});

test('what is no aggregate comes out as it is', () => {
  const good = aggregated(['a'], [], [[0, undefined, 'x']]);
  const flipped = Buffer.from(good);
  flipped[flipped.length - 1] ^= 1;
  for (const data of [Buffer.from('plain'), Buffer.alloc(0), flipped, frame(Buffer.from([0xff]))]) {
    const [record] = of(data);
    assert.deepEqual([record.partitionKey, record.aggregated], ['outer', false]);
    assert.deepEqual(Buffer.from(record.data), data);
  }
});

test('many megabytes are read in parts, and counted through', () => {
  const data = aggregated(['a'], [], [[0, undefined, 'x'.repeat(500_000)], [7, undefined, '']]);
  const records = Array.from({ length: 20 }, () => ({ data }));
  const all = [...deaggregate(records)];
  assert.deepEqual(all.map((r) => r.recordIndex), records.flatMap((_, i) => [i, i]));
  assert.match(all[39].loss.message, /of Kinesis record 19,/);
});

test('two events may be read at the same time', () => {
  const event = (key) => [{ data: aggregated([key, `${key}${key}`], [], [[0, undefined, '1'], [1, undefined, '2']]) }];
  const [a, b] = ['a', 'b'].map((key) => deaggregate(event(key)));
  const turns = [a, b, a, b].map((records) => records.next().value.partitionKey);
  assert.deepEqual(turns, ['a', 'b', 'aa', 'bb']);
  assert.equal(a.next().done, true);
  assert.equal(a.next().done, true);
});

test('a bad record is an error when it is reached, and then there is nothing more', () => {
  const first = { data: aggregated(['a'], [], [[0, undefined, '1'], [0, undefined, '2']]) };
  const large = { data: Buffer.alloc(3 << 20) };
  const huge = { data: Buffer.alloc(300 << 20) };
  for (const [records, before] of [
    [[first, first, { data: '!!' }, first], 4],
    [[large, first, first, null], 5],
    [[{ data: 5 }, first], 0],
    [[huge, null], 0],
    [[large, huge, null], 1],
    [[first, huge, null], 2],
  ]) {
    const all = deaggregate(records);
    for (let n = 0; n < before; n += 1) assert.equal(all.next().value.loss, undefined);
    assert.throws(() => all.next(), /Error/);
    for (let n = 0; n < 2; n += 1) assert.deepEqual(all.next(), { done: true, value: undefined });
  }
});

test('what is no event, no record or no option is an error that says so', () => {
  for (const source of [undefined, null, 5, 'x', {}, { Records: 5 }]) assert.throws(() => deaggregate(source), TypeError);
  const bad = [null, 5, 'x', {}, { data: 5 }, { data: '!!' }, { data: 'QUJ=D' }, { data: '', partitionKey: 5 }, { kinesis: null }];
  for (const record of bad) assert.throws(() => [...deaggregate([{ data: '' }, record])], { name: 'TypeError', message: /^record 1/ });
  const options = [{ hashKeyRange: '9-0' }, { hashKeyRange: 'x-y' }, { hashKeyRange: {} }, { after: 'x' }, { after: {} }];
  for (const option of options) assert.throws(() => of(Buffer.from('x'), option), /hash|key|position|after/);
});
