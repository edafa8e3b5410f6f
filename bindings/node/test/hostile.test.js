// Nothing that comes in may crash, trap, leak or hang.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { aggregate, deaggregate } = require('../lib/index.js');
const core = require('../lib/core.js');
const { aggregated, frame, random } = require('../test-support.js');

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

test(`10,000 mutated records, seed ${SEED}`, () => {
  const next = random(SEED);
  const good = aggregated(['a', 'bb', 'ü'], ['1', '99'], [[0, undefined, 'one'], [1, 0, 'two'], [2, 1, 'three'], [0, undefined, '']]);
  for (let n = 0; n < 10_000; n += 1) {
    const body = Buffer.from(good.subarray(4, -16));
    for (let times = 1 + next(4); times > 0; times -= 1) body[next(body.length)] = next(256);
    const cut = body.subarray(0, next(4) === 0 ? next(body.length + 1) : body.length);
    const data = next(8) === 0 ? Buffer.concat([frame(cut), body]).subarray(0, next(200)) : frame(cut);
    const options = { salvage: next(2) === 0, hashKeyRange: next(2) === 0 ? '0-50' : undefined };
    let seen = 0;
    for (const record of deaggregate([{ data, partitionKey: 'p', sequenceNumber: `${n}` }], options)) {
      assert.equal(typeof (record.loss?.message ?? record.text()), 'string');
      seen += 1;
    }
    assert.ok(seen <= 20);
  }
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
