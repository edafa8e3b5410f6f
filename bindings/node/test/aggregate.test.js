'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { aggregate, deaggregate, RecordAggregator } = require('../lib/index.js');
const { vectors } = require('../test-support.js');

const LAST = (1n << 128n) - 1n;
const shards = [
  { ShardId: 's0', HashKeyRange: { StartingHashKey: '0', EndingHashKey: '99' } },
  { ShardId: 's1', HashKeyRange: { StartingHashKey: '100', EndingHashKey: `${LAST}` } },
  {
    ShardId: 'parent',
    HashKeyRange: { StartingHashKey: '0', EndingHashKey: `${LAST}` },
    SequenceNumberRange: { EndingSequenceNumber: '5' },
  },
];
const texts = (records) => [...deaggregate(records)].map((r) => r.text());

test('the real KPL: the same bytes for the same user records', () => {
  let compared = 0;
  for (const { put, kinesis_records: records } of vectors) {
    for (const { data } of records) {
      const bytes = Buffer.from(data, 'hex');
      const read = [...deaggregate([{ data: bytes }])];
      if (!read[0]?.aggregated || read.length !== put.length || read.some((r, i) => r.partitionKey !== put[i].partition_key)) continue;
      const again = read.map((r) => ({ ...r }));
      const { kinesisRecords } = aggregate(again, { mixingShards: true, maxSize: 1_000_000 });
      assert.deepEqual(Buffer.from(kinesisRecords[0].Data), bytes);
      compared += 1;
    }
  }
  assert.ok(compared > 20, `${compared} were compared`);
});

test('by shard map', () => {
  const user = (explicitHashKey) => ({ partitionKey: 'k', explicitHashKey, data: `${explicitHashKey}` });
  const { kinesisRecords, refused } = aggregate([5n, 500n, '7', 700].map(user), { shards });
  assert.deepEqual(refused, []);
  assert.deepEqual(kinesisRecords.map((r) => texts([r])), [['5', '7'], ['500', '700']]);
  assert.deepEqual(kinesisRecords.map((r) => r.ExplicitHashKey), ['5', '500']);
});

test('without shards, only one hash key a record', () => {
  const user = (partitionKey) => ({ partitionKey, data: Buffer.from(partitionKey) });
  const { kinesisRecords } = aggregate(['a', 'b', 'a'].map(user));
  assert.deepEqual(kinesisRecords.map((r) => texts([r])).sort(), [['a', 'a'], ['b']]);
});

test('what cannot be put is refused, and the rest goes on', () => {
  const records = [
    { partitionKey: '', data: 'x' },
    { partitionKey: 'a', data: 'one' },
    { partitionKey: 'a', explicitHashKey: '0x10', data: 'x' },
    { partitionKey: 'a', explicitHashKey: `${LAST + 1n}`, data: 'x' },
    { partitionKey: 'a', data: 'two' },
    { partitionKey: 'a', data: Buffer.alloc(2 << 20) },
  ];
  const { kinesisRecords, refused } = aggregate(records);
  assert.deepEqual(texts(kinesisRecords), ['one', 'two']);
  assert.deepEqual(refused.map((r) => r.index), [0, 2, 3, 5]);
});

test('one after another, with limits', () => {
  const aggregator = new RecordAggregator({ mixingShards: true, maxCount: 2, outerKey: { first: true } });
  assert.deepEqual(aggregator.push({ partitionKey: 'a', data: '1' }), []);
  assert.equal(aggregator.length, 1);
  assert.deepEqual(aggregator.push({ partitionKey: 'b', data: '2' }), []);
  assert.ok(aggregator.size > 20);
  const closed = aggregator.push({ partitionKey: 'c', data: '3' });
  assert.deepEqual([texts(closed), closed[0].PartitionKey], [['1', '2'], 'a']);
  assert.throws(() => aggregator.push({ partitionKey: '', data: '' }), RangeError);
  assert.deepEqual(texts(aggregator.flush()), ['3']);
  assert.deepEqual(aggregator.flush(), []);
  aggregator.close();
  aggregator.close();
  assert.throws(() => aggregator.flush(), /closed/);
  assert.throws(() => aggregator.length, /closed/);
});

test('two aggregators keep apart', () => {
  const [a, b] = [1, 2].map(() => new RecordAggregator({ mixingShards: true }));
  a.push({ partitionKey: 'k', data: 'a' });
  b.push({ partitionKey: 'k', data: 'b' });
  assert.deepEqual([texts(a.flush()), texts(b.flush())], [['a'], ['b']]);
});

test('wrong arguments are errors that say so', () => {
  for (const record of [undefined, null, 5, {}, { partitionKey: 'a' }, { partitionKey: 5, data: '' }, { partitionKey: 'a', data: 5 }]) {
    assert.throws(() => aggregate([record]), { name: 'TypeError', message: /^user record 0/ });
  }
  const options = [
    { maxSize: -1 }, { maxSize: 1.5 }, { maxSize: 2 ** 40 }, { outerKey: 5 }, { shards, mixingShards: true }, { shards: [{}] },
    { shards: [] }, { shards: shards.slice(1) }, { shards: [...shards, { ...shards[0], ShardId: 'x' }] }, { maxCount: 0 },
    { maxSize: 2 ** 21 }, { outerKey: '' }, { outerKey: 'x'.repeat(257) },
  ];
  for (const option of options) assert.throws(() => aggregate([], option), /Error/);
});
