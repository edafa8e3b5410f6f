// What the drivers in Node.js share: the input's files, the turns, the clock. See ./driver.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');

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
/** As Lambda hands them over: in base64. Making it is not timed, decoding it is the library's. */
const page = (shape) => (pages[shape] ??= [...parts(`${shape}.records`)].map((data) => ({
  partitionKey: 'a',
  sequenceNumber: '49671246667567228643283430150187087032206582658070609922',
  data: data.toString('base64'),
})));

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

const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

/** `read` gets a page, `write` user records; both say how many records came out. */
function serve(name, read, write) {
  console.log(`${name}, Node ${process.versions.node}`);
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const [what, shape, repeats] = line.split(' ');
    const input = (what === 'read' ? page : userRecords)(shape);
    const start = processor();
    let count = 0;
    for (let i = 0; i < Number(repeats); i += 1) count = (what === 'read' ? read : write)(input, shape);
    console.log(`${processor() - start} ${count}`);
  });
}

module.exports = { serve };
