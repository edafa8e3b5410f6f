'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { processBatch, transformBatch } = require('../lib/index.js');
const { aggregated } = require('../test-support.js');

const record = (sequenceNumber, data) => ({ kinesis: { sequenceNumber, partitionKey: 'p', data: data.toString('base64') } });
const many = (...keys) => aggregated(keys, [], keys.map((key, i) => [i, undefined, key]));
const failed = (...ids) => ({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) });
const cut = aggregated(['a'], [], [[0, undefined, 'good'], [9, undefined, 'bad']]);

test('all good', async () => {
  const seen = [];
  const event = { Records: [record('1', many('a', 'b')), record('2', Buffer.from('plain'))] };
  assert.deepEqual(await processBatch(event, (r) => seen.push(r.text())), failed());
  assert.deepEqual(seen, ['a', 'b', 'plain']);
});

test('in order, asynchronously, up to the first failure', async () => {
  const seen = [];
  const reasons = [];
  const event = { Records: [record('1', many('a')), record('2', many('b', 'c', 'd')), record('3', many('e'))] };
  const handler = async (r) => {
    await null;
    seen.push(r.text());
    if (r.text() === 'c') throw new Error('no');
  };
  const onFailure = (error, r) => reasons.push([error.message, r.subSequenceNumber]);
  assert.deepEqual(await processBatch(event, handler, { onFailure }), failed('2'));
  assert.deepEqual(seen, ['a', 'b', 'c']);
  assert.deepEqual(reasons, [['no', 1]]);
});

test('a cut aggregate fails after its readable user records, unless onLoss goes on', async () => {
  for (const concurrency of [1, 4]) {
    const event = { Records: [record('1', many('a')), record('2', cut)] };
    const seen = [];
    const handler = (r) => seen.push(r.text());
    assert.deepEqual(await processBatch(event, handler, { concurrency }), failed('2'));
    assert.deepEqual(seen, ['a', 'good']);
    const onLoss = async () => 'continue';
    assert.deepEqual(await processBatch(event, handler, { concurrency, onLoss }), failed());
    const throws = () => {
      throw new Error('no');
    };
    assert.deepEqual(await processBatch(event, handler, { concurrency, onLoss: throws }), failed('2'));
  }
});

test('an aggregate out of the range is no failure', async () => {
  const losses = [];
  const event = { Records: [record('1', many('a'))] };
  const options = { hashKeyRange: '0-1', onLoss: (lost) => void losses.push(lost.loss.kind) };
  assert.deepEqual(await processBatch(event, assert.fail, options), failed());
  assert.deepEqual(losses, ['out-of-range']);
});

test('concurrently: keys side by side, each in order, and a failed key stops alone', async () => {
  const seen = [];
  let running = 0;
  let most = 0;
  const event = { Records: [record('1', many('a', 'b')), record('2', many('a', 'c')), record('3', many('b', 'a'))] };
  const handler = async (r) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running -= 1;
    seen.push(`${r.partitionKey}${r.sequenceNumber}`);
    if (r.partitionKey === 'a' && r.sequenceNumber === '2') throw new Error('no');
  };
  assert.deepEqual(await processBatch(event, handler, { concurrency: 2 }), failed('2'));
  assert.equal(most, 2);
  assert.deepEqual(seen.filter((s) => s[0] === 'a'), ['a1', 'a2']);
  assert.deepEqual(seen.filter((s) => s[0] !== 'a').sort(), ['b1', 'b3', 'c2']);
});

test('without a sequence number the whole batch has failed', async () => {
  const handler = () => Promise.reject(new Error('no'));
  assert.deepEqual(await processBatch([{ data: 'eA==' }], handler), failed(''));
});

test('wrong arguments', async () => {
  await assert.rejects(processBatch({ Records: [] }), TypeError);
  await assert.rejects(processBatch({ Records: [] }, () => {}, { concurrency: 0 }), TypeError);
  await assert.rejects(processBatch(5, () => {}), TypeError);
  await assert.rejects(transformBatch({ records: [] }), TypeError);
});

test('Firehose: one answer for each record', async () => {
  const base64 = (data) => data.toString('base64');
  const records = [many('a', 'b'), Buffer.from('drop'), Buffer.from('fail'), cut, Buffer.alloc(0), Buffer.from('x')].map(
    (data, n) => ({ recordId: `${n}`, data: base64(data) }),
  );
  const handler = async (r) => {
    if (r.text() === 'fail') throw new Error('no');
    if (r.text() === 'x') return 5;
    return r.text() === 'drop' ? undefined : `${r.text().toUpperCase()}\n`;
  };
  const { records: answers } = await transformBatch({ records }, handler);
  assert.deepEqual(answers, [
    { recordId: '0', result: 'Ok', data: base64(Buffer.from('A\nB\n')) },
    { recordId: '1', result: 'Dropped', data: '' },
    { recordId: '2', result: 'ProcessingFailed', data: records[2].data },
    { recordId: '3', result: 'ProcessingFailed', data: records[3].data },
    { recordId: '4', result: 'Ok', data: base64(Buffer.from('\n')) },
    { recordId: '5', result: 'ProcessingFailed', data: records[5].data },
  ]);
});
