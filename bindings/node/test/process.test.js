'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { MemoryResume, processBatch, transformBatch } = require('../lib/index.js');
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

test('a retry leaves out what was done, and forgets what will not come again', async () => {
  for (const concurrency of [1, 3]) {
    const resume = new MemoryResume();
    const event = { Records: [record('1', many('a', 'b')), record('2', many('c', 'd', 'e')), record('3', many('f'))] };
    let seen = [];
    let fails = true;
    const handler = async (r) => {
      if (r.text() === 'd' && fails) throw new Error('no');
      seen.push(r.text());
    };
    const options = { concurrency, resume };
    assert.deepEqual(await processBatch(event, handler, options), failed('2'));
    assert.deepEqual(seen.sort(), concurrency === 1 ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'e', 'f']);
    assert.equal(resume.size, concurrency === 1 ? 1 : 2);
    seen = [];
    assert.deepEqual(await processBatch({ Records: event.Records.slice(1) }, handler, options), failed('2'));
    assert.deepEqual(seen, []);
    fails = false;
    assert.deepEqual(await processBatch({ Records: event.Records.slice(1) }, handler, options), failed());
    assert.deepEqual(seen.sort(), concurrency === 1 ? ['d', 'e', 'f'] : ['d']);
    assert.equal(resume.size, 0);
  }
});

test('what was done is kept when there is no answer', async () => {
  const resume = new MemoryResume();
  const seen = [];
  const handler = (r) => {
    seen.push(r.sequenceNumber);
  };
  // So large that the third record is looked at after the first is done.
  const large = (sequenceNumber) => record(sequenceNumber, Buffer.alloc(3 << 20, 'x'));
  const junk = { kinesis: { sequenceNumber: '3', partitionKey: 'p', data: 5 } };
  const event = { Records: [large('1'), large('2'), junk] };
  await assert.rejects(processBatch(event, handler, { resume }), TypeError);
  assert.ok(seen.length > 0);
  await assert.rejects(processBatch(event, handler, { resume }), TypeError);
  assert.deepEqual(seen, [...new Set(seen)], 'nothing is done twice');
});

test('the same sequence number in another stream or shard is another record', async () => {
  const resume = new MemoryResume({ maxRecords: 2 });
  const of = (arn, shard) => ({ ...record('1', many('a', 'b')), eventSourceARN: arn, eventID: `${shard}:1` });
  const handler = (r) => {
    if (r.text() === 'b') throw new Error('no');
    seen += 1;
  };
  let seen = 0;
  for (const one of [of('x', 's1'), of('x', 's2'), of('y', 's1')]) {
    await processBatch({ Records: [one] }, handler, { resume });
  }
  assert.deepEqual([seen, resume.size], [3, 2]);
  // The one that was saved longest ago has made room.
  await processBatch({ Records: [of('y', 's1')] }, handler, { resume });
  assert.equal(seen, 3);
  await processBatch({ Records: [of('x', 's1')] }, handler, { resume });
  assert.equal(seen, 4);
});

test('a memory of ones own: asynchronous, with texts that can be kept in a table', async () => {
  const table = new Map();
  const resume = {
    load: async (keys) => keys.map((key) => table.get(key)),
    save: async (kept, succeeded) => {
      for (const [key, done] of kept) table.set(key, done);
      for (const key of succeeded) table.delete(key);
    },
  };
  const keys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'];
  const bad = ['k3'];
  const handler = (r) => {
    if (bad.includes(r.text())) throw new Error('no');
  };
  const event = { Records: [record('9', many(...keys))] };
  await processBatch(event, handler, { resume, concurrency: 2 });
  assert.deepEqual([...table], [['//9', '0-2,4-5']]);
  const fails = { load: () => [], save: () => Promise.reject(new Error('no')) };
  assert.deepEqual(await processBatch(event, handler, { resume: fails }), failed('9'));
  for (const junk of [{ load: () => ['x'], save() {} }, { load: () => ['0-99999999'], save() {} }, {}, null, 5]) {
    await assert.rejects(processBatch(event, handler, { resume: junk }), TypeError);
  }
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
