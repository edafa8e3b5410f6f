// Takes turns between this library and AWS's: see ./run.
'use strict';

const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const { join } = require('node:path');

const rounds = Number(process.argv[2] ?? 11);

/** Task, size of the user records, and how many times as fast as AWS's it should be (`core`: nanoseconds at most). */
const TASKS = [
  ['event', 200, 4, 'Lambda event (base64)'],
  ['event', 50, 4, 'Lambda event (base64)'],
  ['bytes', 200, 6, 'page of GetRecords (bytes)'],
  ['bytes', 50, 6, 'page of GetRecords (bytes)'],
  ['compat', 200, 1, '`compat`, Lambda event (base64)'],
  ['write', 200, 1, '`aggregate`, aggregates of 1 MiB'],
  ['write', 50, 1, '`aggregate`, aggregates of 1 MiB'],
  ['core', 200, undefined, 'the WebAssembly alone, no objects'],
];

class Contestant {
  #process;
  #lines;

  constructor(name) {
    this.#process = spawn(process.execPath, [join(__dirname, 'contestant.js'), name], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Nanoseconds a user record. */
  async turn(task, size, repeats) {
    this.#process.stdin.write(`${task} ${size} ${repeats}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('a contestant has stopped');
    return Number(value);
  }

  end() {
    this.#process.stdin.end();
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

async function main() {
  const [ours, aws] = [new Contestant('ours'), new Contestant('aws')];
  console.log(`Node.js ${process.versions.node}, ${rounds} rounds; nanoseconds of processor time a user record\n`);
  console.log('| | user records | ours | AWS\'s | ratio |\n|---|--:|--:|--:|--:|');
  let missed = 0;
  for (const [task, size, goal, name] of TASKS) {
    const turns = { ours: [], aws: [], ratio: [] };
    // The first rounds run them warm.
    for (let round = -3; round < rounds; round += 1) {
      const mine = await ours.turn(task, size, 6);
      const theirs = goal === undefined ? NaN : await aws.turn(task, size, 2);
      if (round < 0) continue;
      turns.ours.push(mine);
      turns.aws.push(theirs);
      turns.ratio.push(theirs / mine);
    }
    const [a, b, ratio] = [turns.ours, turns.aws, turns.ratio].map(median);
    const met = goal === undefined || ratio >= goal;
    const versus = goal === undefined ? ' | ' : `${b.toFixed(0)} | ${ratio.toFixed(1)}${met ? '' : ` (not ${goal})`}`;
    console.log(`| ${name} | ${size} B | ${a.toFixed(0)} | ${versus} |`);
    missed += met ? 0 : 1;
  }
  ours.end();
  aws.end();
  process.exitCode = missed > 0 ? 1 : 0;
}

main();
