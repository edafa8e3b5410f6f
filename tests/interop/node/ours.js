// This project's npm package behind the drivers' protocol (../README.md): reading and writing.
'use strict';
const { aggregate, deaggregate } = require('../../../bindings/node/lib/index.js');
const { Answer, serve, thrown } = require('./protocol.js');

/** The KCL's range where it does not know the shard's, which is what the run compares with. */
const FULL = { start: 0n, end: (1n << 128n) - 1n };

/** Losses come as a text, one line each. */
function read(request, answer) {
  const hasRange = request.u8() === 1;
  const range = `${request.text16()}-${request.text16()}`;
  const record = { partitionKey: request.nullable()?.toString('utf8'), sequenceNumber: '1', data: request.nullable() };
  const losses = [];
  for (const r of deaggregate([record], { hashKeyRange: hasRange ? range : FULL })) {
    if (r.loss) losses.push(r.loss.message);
    else answer.read(r.partitionKey, r.explicitHashKey, r.subSequenceNumber, r.aggregated, r.data);
  }
  return losses;
}

/** So do user records that were refused. */
function write(request, answer) {
  const maxSize = request.u32() || undefined;
  const records = [];
  for (let n = request.u32(); n > 0; n -= 1) {
    const partitionKey = request.nullable().toString('utf8');
    const explicitHashKey = request.nullable()?.toString('utf8');
    records.push({ partitionKey, explicitHashKey, data: request.nullable() });
  }
  const { kinesisRecords, refused } = aggregate(records, { mixingShards: true, maxSize });
  for (const r of kinesisRecords) answer.written(r.PartitionKey, r.ExplicitHashKey, r.Data);
  return refused.map(({ index, message }) => `${index}: ${message}`);
}

serve(`kinesis-aggregation (npm), Node ${process.versions.node}`, (request) => {
  const answer = new Answer();
  try {
    const said = (request.u8() === 0 ? read : write)(request, answer);
    return said.length > 0 ? answer.frame(2, said.join('\n')) : answer.frame(0);
  } catch (error) {
    return new Answer().frame(1, thrown(error));
  }
});
