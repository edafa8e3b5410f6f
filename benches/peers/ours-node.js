// This project's npm package, reading and writing: see ./driver.
'use strict';
const { aggregate, deaggregate } = require('../../bindings/node/lib/index.js');
const { serve } = require('./turns.js');

/** All hash keys but the last, as this library itself is run: with all of them, no key would need hashing. */
const hashKeyRange = { start: 0n, end: (1n << 128n) - 2n };

/** As input.rs has them: the KPL's own, and 1 MiB. */
const SIZES = { small: {}, large: { maxSize: 1024 * 1024 - 1024 } };

function read(page) {
  let count = 0;
  for (const record of deaggregate(page, { hashKeyRange })) {
    if (record.loss) throw new Error(record.loss.message);
    if (record.data.length > 0) count += 1;
  }
  return count;
}

function write(userRecords, shape) {
  const { kinesisRecords, refused } = aggregate(userRecords, { mixingShards: true, ...SIZES[shape] });
  if (refused.length > 0) throw new Error(refused[0].message);
  return kinesisRecords.length;
}

serve('kinesis-aggregation (npm)', read, write);
