// AWS's Node library (npm aws-kinesis-agg), reading and writing: see ./driver.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const agg = require('aws-kinesis-agg');
const { version } = require('aws-kinesis-agg/package.json');

const folder = process.argv[2];

/** The parts of a file: a count, then each with its length in front. */
function* parts(name) {
  const bytes = fs.readFileSync(path.join(folder, name));
  let at = 4;
  for (let left = bytes.readUInt32BE(0); left > 0; left -= 1) {
    const end = at + 4 + bytes.readUInt32BE(at);
    yield bytes.subarray(at + 4, end);
    at = end;
  }
}

const pages = {};
// The library takes base64 only, as Lambda hands it over; making it is not timed, decoding it is the library's.
const page = (shape) => (pages[shape] ??= [...parts(`${shape}.records`)].map((data) => ({
  partitionKey: 'a',
  sequenceNumber: '49671246667567228643283430150187087032206582658070609922',
  data: data.toString('base64'),
})));

function read(shape) {
  let count = 0;
  for (const record of page(shape)) {
    agg.deaggregateSync(record, true, (error, userRecords) => {
      if (error) throw error;
      count += userRecords.length;
    });
  }
  return count;
}

let inputs;
function userRecords() {
  if (inputs) return inputs;
  const all = [...parts('user-records')];
  inputs = [];
  for (let at = 0; at < all.length; at += 2) {
    inputs.push({ partitionKey: all[at].toString('utf8'), data: all[at + 1] });
  }
  return inputs;
}

/** At the library's own size, 1 MiB: it has no other. */
function write() {
  let count = 0;
  const aggregator = new agg.RecordAggregator((error, record) => {
    if (error) throw error;
    if (record) count += 1;
  });
  aggregator.aggregateRecords(userRecords(), true);
  return count;
}

const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

console.log(`aws-kinesis-agg ${version} (npm), Node ${process.versions.node}`);
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [what, shape, repeats] = line.split(' ');
  (what === 'read' ? page : userRecords)(shape);
  const start = processor();
  let count = 0;
  for (let i = 0; i < Number(repeats); i += 1) count = (what === 'read' ? read : write)(shape);
  console.log(`${processor() - start} ${count}`);
});
