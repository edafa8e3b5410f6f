// Nothing that comes in may crash, trap, leak or hang.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const v8 = require('node:v8');
const vm = require('node:vm');
const { aggregate, deaggregate, processBatch, RecordAggregator, transformBatch } = require('../lib/index.js');
const compat = require('../lib/compat.js');
const core = require('../lib/core.js');
const { aggregated, frame, random } = require('../test-support.js');

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Values that are no answer to any question. */
const JUNK = [
  undefined, null, true, -1, 0, 2 ** 32, NaN, 5n, '', '=', 'ü', '\ud800', 'x'.repeat(70_000), Symbol('s'), [], [[]], {},
  { data: 5 }, () => {}, new Date(NaN), new Map(), new ArrayBuffer(8), new DataView(new ArrayBuffer(8)), Buffer.alloc(0),
  new Uint16Array(3), new Uint8Array(new SharedArrayBuffer(8)), { type: 'Buffer', data: [1] }, Object.create(null),
];

/** An error that says what is wrong with the input: not one of JavaScript's own about this library's code. */
function isPlain(error) {
  assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
  assert.doesNotMatch(error.message, /Cannot (read|convert|destructure)|is not (a function|iterable|defined)/);
}

test(`10,000 mutated records, seed ${SEED}`, () => {
  const next = random(SEED);
  const good = aggregated(['a', 'bb', 'ü'], ['1', '99'], [[0, undefined, 'one'], [1, 0, 'two'], [2, 1, 'three'], [0, undefined, '']]);
  for (let n = 0; n < 10_000; n += 1) {
    const body = Buffer.from(good.subarray(4, -16));
    for (let times = 1 + next(4); times > 0; times -= 1) body[next(body.length)] = next(256);
    const cut = body.subarray(0, next(4) === 0 ? next(body.length + 1) : body.length);
    const data = next(8) === 0 ? Buffer.concat([frame(cut), body]).subarray(0, next(200)) : frame(cut);
    const options = { salvage: next(2) === 0, salvageDamaged: next(2) === 0, hashKeyRange: next(2) === 0 ? '0-50' : undefined };
    let seen = 0;
    for (const record of deaggregate([{ data, partitionKey: 'p', sequenceNumber: `${n}` }], options)) {
      assert.equal(typeof (record.loss?.message ?? record.text()), 'string');
      seen += 1;
    }
    assert.ok(seen <= 20);
    compat.deaggregateSync({ data: data.toString('base64') }, next(2) === 0, (_, records) => assert.ok(records.length <= 20));
  }
});

test('every truncation of a record is a plain record', () => {
  const good = aggregated(['a', 'ü'], ['1'], [[0, undefined, 'one'], [1, 0, 'two']]);
  for (let length = 0; length < good.length; length += 1) {
    const [record, ...others] = deaggregate([{ data: good.subarray(0, length), partitionKey: 'p' }]);
    assert.deepEqual([record.aggregated, record.data.length, others], [false, length, []]);
  }
});

test(`10,000 events with junk in a place, seed ${SEED}`, async () => {
  const next = random(SEED);
  const good = aggregated(['a'], [], [[0, undefined, 'one'], [0, undefined, 'two']]).toString('base64');
  const event = () => ({
    Records: [
      { kinesis: { data: good, partitionKey: 'a', sequenceNumber: '1' } },
      { data: good, partitionKey: 'a', sequenceNumber: '2' },
      { recordId: '1', data: good, kinesisRecordMetadata: { partitionKey: 'a', sequenceNumber: '3' } },
      { Data: Buffer.from(good, 'base64'), PartitionKey: 'a', SequenceNumber: '4' },
    ],
  });
  const options = () => ({ salvage: true, hashKeyRange: { start: 0n, end: 1n }, after: { sequenceNumber: '1' }, concurrency: 2 });
  const spoil = (value) => {
    let at = value;
    for (;;) {
      const keys = Object.keys(at);
      const key = keys[next(keys.length)];
      const deeper = at[key] !== null && typeof at[key] === 'object' && !(at[key] instanceof Uint8Array);
      if (!deeper || next(4) === 0) {
        at[key] = JUNK[next(JUNK.length)];
        return value;
      }
      at = at[key];
    }
  };
  for (let n = 0; n < 10_000; n += 1) {
    const source = next(50) === 0 ? JUNK[next(JUNK.length)] : spoil(event());
    const how = next(3) === 0 ? spoil(options()) : {};
    try {
      if (n % 4 === 0) await processBatch(source, (r) => r.text(), how);
      else if (n % 4 === 1) await transformBatch(source, (r) => r.text(), how);
      else for (const record of deaggregate(source, how)) assert.equal(typeof (record.loss?.message ?? record.text()), 'string');
    } catch (error) {
      isPlain(error);
    }
  }
});

test('junk to be written', () => {
  for (const junk of JUNK) {
    for (const user of [junk, { partitionKey: junk, data: 'x' }, { partitionKey: 'k', data: junk }, { partitionKey: 'k', data: 'x', explicitHashKey: junk }]) {
      for (const options of [{}, { mixingShards: true }]) {
        try {
          const { kinesisRecords, refused } = aggregate([user], options);
          assert.equal(kinesisRecords.length + refused.length, 1);
        } catch (error) {
          isPlain(error);
        }
      }
    }
    for (const name of ['shards', 'mixingShards', 'maxSize', 'maxCount', 'maxRecordSize', 'outerKey']) {
      try {
        aggregate([{ partitionKey: 'k', data: 'x' }], { [name]: junk });
      } catch (error) {
        isPlain(error);
      }
    }
    try {
      aggregate(junk, junk);
    } catch (error) {
      isPlain(error);
    }
  }
});

/** Collects garbage, and lets finalizers run. */
async function collect() {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc');
  for (let n = 0; n < 3; n += 1) {
    gc();
    await new Promise(setImmediate);
  }
}

test('memory is flat over a million events', async () => {
  const data = aggregated(['key', 'other'], ['7'], [[0, undefined, 'one'], [1, 0, 'two'], [9, undefined, 'cut']]).toString('base64');
  const event = { Records: [{ kinesis: { data, partitionKey: 'a', sequenceNumber: '1' } }] };
  const used = async () => {
    await collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return { heap: heapUsed + external + arrayBuffers, core: core.read.exports.memory.buffer.byteLength };
  };
  const some = (count) => {
    let losses = 0;
    for (let n = 0; n < count; n += 1) for (const record of deaggregate(event)) losses += record.loss ? 1 : 0;
    assert.equal(losses, count);
  };
  some(100_000);
  const before = await used();
  some(900_000);
  const after = await used();
  assert.equal(after.core, before.core);
  assert.ok(after.heap - before.heap < 1 << 20, `${after.heap - before.heap} bytes more`);
});

test('aggregators that nobody holds are freed, closed or not', async () => {
  const data = Buffer.alloc(40_000);
  for (let round = 0; round < 10; round += 1) {
    for (let n = 0; n < 100; n += 1) {
      const aggregator = new RecordAggregator();
      aggregator.push({ partitionKey: 'k', data });
      if (n % 2 === 0) aggregator.close();
    }
    await collect();
  }
  // All of them would be 40 MB, half of them 20.
  const { byteLength } = core.write.exports.memory.buffer;
  assert.ok(byteLength < 15 << 20, `${byteLength} bytes`);
});

test('memory stays where it is', () => {
  const record = [0, undefined, 'x'.repeat(200)];
  const data = aggregated(['key'], [], Array(200).fill(record)).toString('base64');
  const event = { Records: Array.from({ length: 50 }, (_, n) => ({ kinesis: { data, partitionKey: 'a', sequenceNumber: `${n}` } })) };
  const user = Array.from({ length: 1000 }, (_, n) => ({ partitionKey: `${n % 7}`, data: 'x'.repeat(100) }));
  const round = () => {
    let count = 0;
    for (const { data: view } of deaggregate(event)) count += view.length;
    assert.equal(count, 50 * 200 * 200);
    aggregate(user);
  };
  const size = () => core.read.exports.memory.buffer.byteLength + core.write.exports.memory.buffer.byteLength;
  for (let n = 0; n < 3; n += 1) round();
  const before = size();
  for (let n = 0; n < 100; n += 1) round();
  assert.equal(size(), before);
});

test('a record of the largest size, in the smallest user records', () => {
  const body = Buffer.alloc(10 << 20);
  body.write('\x0a\x01a', 'latin1');
  for (let at = 3; at + 6 <= body.length; at += 6) body.write('\x1a\x04\x08\x00\x1a\x00', at, 'latin1');
  const whole = body.subarray(0, 3 + 6 * Math.floor((body.length - 3) / 6));
  let count = 0;
  for (const record of deaggregate([{ data: frame(whole) }])) count += record.aggregated ? 1 : 0;
  assert.equal(count, (whole.length - 3) / 6);
});

test('what is too large is an error, and the next call works', () => {
  assert.throws(() => [...deaggregate([{ data: Buffer.alloc(300 << 20) }])], RangeError);
  assert.equal([...deaggregate([{ data: Buffer.from('x') }])].length, 1);
});

test('after running out of memory the core starts anew', () => {
  const { exports } = core.read;
  assert.throws(() => core.read.run(() => { throw new WebAssembly.RuntimeError('unreachable'); }), RangeError);
  assert.notEqual(core.read.exports, exports);
  assert.equal([...deaggregate([{ data: Buffer.from('x') }])].length, 1);
});
