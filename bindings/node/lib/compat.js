// The interface of npm aws-kinesis-agg 4.2.8: see COMPAT.md for what differs.
'use strict';

const { createHash } = require('node:crypto');
const { UserRecords } = require('./deaggregate.js');
const { RecordAggregator, aggregate } = require('./compat-aggregate.js');
const { callable } = require('./records.js');

/** The core's flag to judge nothing but the indices: AWS's reader hands out user records with any explicit hash key. */
const JUDGE_INDICES_ONLY = 2;
const UNJUDGED = { flags: JUDGE_INDICES_ONLY, range: Buffer.alloc(0), after: Buffer.alloc(0) };

/** Outcomes, in the core's numbers. */
const NOT_FRAMED = 0;
const DIGEST_MISMATCH = 2;
const MALFORMED = 3;

/** The SDK's version 3 has capital letters. */
function capitals(record) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key[0].toUpperCase() + key.slice(1), value]));
}

function smallLetters(record) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key[0].toLowerCase() + key.slice(1), value]));
}

/** The data with the digest that they should have. */
function sealed(data) {
  const digest = createHash('md5').update(data.subarray(4, -16)).digest();
  return Buffer.concat([data.subarray(0, -16), digest]);
}

/** The user records, the first of them taken: then the outcome is known. */
function open(record, data) {
  const source = { source: record, index: 0, data, partitionKey: undefined, sequenceNumber: record.sequenceNumber };
  const all = UserRecords.of([source], UNJUDGED);
  const first = all.next();
  return { outcome: all.outcome, first, all };
}

function deaggregate(kinesisRecord, computeChecksums, perRecordCallback, afterRecordCallback) {
  callable(perRecordCallback, 'perRecordCallback');
  callable(afterRecordCallback, 'afterRecordCallback');
  const isV3 = typeof kinesisRecord.Data !== 'undefined';
  const record = isV3 ? smallLetters(kinesisRecord) : kinesisRecord;
  const shape = isV3 ? capitals : (it) => it;
  const { partitionKey, explicitPartitionKey, sequenceNumber } = record;
  const data = Buffer.from(record.data, 'base64');

  let { outcome, first, all } = open(record, data);
  if (outcome === DIGEST_MISMATCH && computeChecksums !== true) ({ outcome, first, all } = open(record, sealed(data)));
  if (outcome === NOT_FRAMED) {
    perRecordCallback(null, shape({ partitionKey, explicitPartitionKey, sequenceNumber, data: record.data }));
    afterRecordCallback();
    return;
  }
  if (outcome < MALFORMED) return void afterRecordCallback(new Error('Invalid record checksum'));
  if (outcome === MALFORMED) return void afterRecordCallback(new Error('malformed or incomplete protobuf'));

  for (let { done, value: item } = first; !done; { done, value: item } = all.next()) {
    const { subSequenceNumber } = item;
    try {
      if (item.loss) throw new Error(item.loss.message);
      // The same place in `data`, as in a copy of it with another digest.
      const start = item.data.byteOffset - all.offset;
      const userRecord = {
        partitionKey: item.partitionKey,
        explicitPartitionKey: item.explicitHashKey,
        sequenceNumber,
        subSequenceNumber,
        data: data.toString('base64', start, start + item.data.length),
      };
      perRecordCallback(null, shape(userRecord));
    } catch (error) {
      const failed = { partitionKey, explicitPartitionKey, sequenceNumber, subSequenceNumber, data: record.data };
      afterRecordCallback(error, shape(failed));
    }
  }
  afterRecordCallback();
}

function deaggregateSync(kinesisRecord, computeChecksums, afterRecordCallback) {
  callable(afterRecordCallback, 'afterRecordCallback');
  const userRecords = [];
  deaggregate(
    kinesisRecord,
    computeChecksums,
    (_, userRecord) => userRecords.push(userRecord),
    (error) => afterRecordCallback(error, userRecords),
  );
}

module.exports = { deaggregate, deaggregateSync, aggregate, RecordAggregator };
