// AWS's Node library (npm aws-kinesis-agg), reading and writing: see ./driver.
'use strict';
const agg = require('aws-kinesis-agg');
const { version } = require('aws-kinesis-agg/package.json');
const { serve } = require('./turns.js');

/** User records come in base64, of which every application makes bytes. */
function read(page) {
  let count = 0;
  for (const record of page) {
    agg.deaggregateSync(record, true, (error, userRecords) => {
      if (error) throw error;
      for (const { data } of userRecords) if (Buffer.from(data, 'base64').length > 0) count += 1;
    });
  }
  return count;
}

/** At the library's own size, 1 MiB: it has no other. */
function write(userRecords) {
  let count = 0;
  const aggregator = new agg.RecordAggregator((error, record) => {
    if (error) throw error;
    if (record) count += 1;
  });
  aggregator.aggregateRecords(userRecords, true);
  return count;
}

serve(`aws-kinesis-agg ${version} (npm)`, read, write);
