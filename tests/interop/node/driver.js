// AWS's Node library (npm aws-kinesis-agg) behind the drivers' protocol (../README.md): reading and writing.
'use strict';
const agg = require('aws-kinesis-agg');
const { version } = require('aws-kinesis-agg/package.json');
const { Answer, serve, thrown } = require('./protocol.js');

function readOne(answer, r) {
  // By its documentation, how to tell the two apart.
  const aggregated = r.subSequenceNumber !== undefined;
  // explicitPartitionKey is the library's name for the explicit hash key.
  answer.read(r.partitionKey, r.explicitPartitionKey, r.subSequenceNumber ?? 0, aggregated, Buffer.from(r.data, 'base64'));
}

// ExplicitHashKey is spelled so by the library, unlike its other fields.
const writtenOne = (answer, r) => answer.written(r.partitionKey, r.ExplicitHashKey, r.data);

/** As Lambda hands a record over: data in base64. The library knows no hash key range. */
function read(request, answer, errors) {
  request.u8();
  request.text16();
  request.text16();
  const partitionKey = request.nullable()?.toString('utf8');
  const data = request.nullable().toString('base64');
  const onRecord = (error, r) => (error ? errors.push(error) : readOne(answer, r));
  const onEnd = (error) => error && errors.push(error);
  agg.deaggregate({ partitionKey, sequenceNumber: '1', data }, true, onRecord, onEnd);
}

function write(request, answer, errors) {
  if (request.u32() !== 0) throw new Error('the library has no maximum size to set');
  const records = [];
  for (let n = request.u32(); n > 0; n -= 1) {
    const partitionKey = request.nullable().toString('utf8');
    const explicitHashKey = request.nullable()?.toString('utf8');
    records.push({ partitionKey, explicitHashKey, data: request.nullable() });
  }
  const onReady = (error, r) => (error ? errors.push(error) : r && writtenOne(answer, r));
  new agg.RecordAggregator(onReady).aggregateRecords(records, true);
}

function answerTo(request) {
  const answer = new Answer();
  const errors = [];
  try {
    (request.u8() === 0 ? read : write)(request, answer, errors);
  } catch (error) {
    errors.push(error);
  }
  return errors.length ? answer.frame(1, thrown(errors[0])) : answer.frame(0);
}

serve(`aws-kinesis-agg ${version} (npm), Node ${process.versions.node}`, answerTo);
