// One contestant of ./run, in a process of its own: `ours` or `aws`. It answers each line `TASK SIZE REPEATS` with the
// nanoseconds of processor time that a user record took, garbage collection and compilation included.
'use strict';

const { createInterface } = require('node:readline');
const { aggregate, deaggregate } = require('../lib/index.js');
const { open, settings } = require('../lib/deaggregate.js');

/** In a page: 100 Kinesis records of 50 KB. To be written: so many user records. Of 10 keys, both. */
const PAGE = 100;
const WRITTEN = 20_000;
const keys = Array.from({ length: 10 }, (_, n) => `partition-key-${n}`);
const sequenceNumber = '49671246667567228643283430150187087032206582658070609922';

const made = new Map();
/** What `make` makes, which is not timed: made once for each size. */
const input = (make, size) => {
  const name = `${make.name} ${size}`;
  if (!made.has(name)) made.set(name, make(size));
  return made.get(name);
};

function userRecords(size, count = WRITTEN) {
  return Array.from({ length: count }, (_, n) => {
    const data = Buffer.alloc(size, n & 0xff);
    data.writeUInt32LE(n);
    return { partitionKey: keys[n % keys.length], data };
  });
}

function page(size) {
  const enough = userRecords(size, Math.ceil((PAGE * 51_200) / size));
  const { kinesisRecords } = aggregate(enough, { mixingShards: true });
  return kinesisRecords.slice(0, PAGE).map(({ Data }) => Uint8Array.from(Data));
}

/** As Lambda hands them over. */
function event(size) {
  const base64 = (data) => Buffer.from(data).toString('base64');
  const kinesis = (data) => ({ partitionKey: 'a', sequenceNumber, data: base64(data) });
  return { Records: input(page, size).map((data) => ({ eventSource: 'aws:kinesis', kinesis: kinesis(data) })) };
}

/** As the SDK's version 3 does. */
function got(size) {
  return { Records: input(page, size).map((Data) => ({ PartitionKey: 'a', SequenceNumber: sequenceNumber, Data })) };
}

const ready = (size) => ({ batch: input(page, size).map((data) => ({ data })), how: settings() });

function read(source) {
  let count = 0;
  for (const record of deaggregate(source)) {
    if (record.loss) throw new Error(record.loss.message);
    if (record.data.length > 0) count += 1;
  }
  return count;
}

/** User records come in base64, of which every application makes bytes. */
function readSync(deaggregateSync, records) {
  let count = 0;
  for (const record of records) {
    deaggregateSync(record, true, (error, all) => {
      if (error) throw error;
      for (const { data, Data } of all) if (Buffer.from(data ?? Data, 'base64').length > 0) count += 1;
    });
  }
  return count;
}

/** Each task says how many user records it did. */
const ours = {
  event: (size) => read(input(event, size)),
  bytes: (size) => read(input(got, size)),
  compat(size) {
    const { deaggregateSync } = require('../lib/compat.js');
    return readSync(deaggregateSync, input(event, size).Records.map(({ kinesis }) => kinesis));
  },
  /** At the size of AWS's library. */
  write(size) {
    const { refused } = aggregate(input(userRecords, size), { mixingShards: true, maxSize: 1024 * 1024 - 1024 });
    return WRITTEN - refused.length;
  },
  /** The core, and no objects. */
  core(size) {
    const { batch, how } = input(ready, size);
    return open(batch, how).rows.length / 5;
  },
};

const aws = {
  event(size) {
    const { deaggregateSync } = require('aws-kinesis-agg');
    return readSync(deaggregateSync, input(event, size).Records.map(({ kinesis }) => kinesis));
  },
  bytes(size) {
    const { deaggregateSync } = require('aws-kinesis-agg');
    return readSync(deaggregateSync, input(got, size).Records);
  },
  compat: (size) => aws.event(size),
  write(size) {
    const { RecordAggregator } = require('aws-kinesis-agg');
    const aggregator = new RecordAggregator((error) => {
      if (error) throw error;
    });
    aggregator.aggregateRecords(input(userRecords, size), true);
    return WRITTEN;
  },
};

const contestant = { ours, aws }[process.argv[2]];
createInterface({ input: process.stdin }).on('line', (line) => {
  const [task, size, repeats] = line.split(' ');
  const before = process.cpuUsage();
  let count = 0;
  for (let left = Number(repeats); left > 0; left -= 1) count += contestant[task](Number(size));
  const { user, system } = process.cpuUsage(before);
  console.log(((user + system) * 1000) / count);
});
