// AWS's Node library (npm aws-kinesis-agg) behind the drivers' protocol (../README.md): reading and writing.
'use strict';
const agg = require('aws-kinesis-agg');
const { version } = require('aws-kinesis-agg/package.json');

const NULL = 0xffffffff;

class Request {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  u8() {
    return this.bytes[this.at++];
  }
  u32() {
    this.at += 4;
    return this.bytes.readUInt32BE(this.at - 4);
  }
  skipText16() {
    this.at += 2 + this.bytes.readUInt16BE(this.at);
  }
  /** Bytes, or undefined where the protocol has null. */
  nullable() {
    const length = this.u32();
    if (length === NULL) return undefined;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

class Answer {
  constructor() {
    this.parts = [];
    this.count = 0;
  }
  u32(value) {
    const b = Buffer.alloc(4);
    b.writeUInt32BE(value);
    this.parts.push(b);
  }
  /** Text or bytes; null and undefined are the protocol's null. */
  nullable(value) {
    if (value === undefined || value === null) return this.u32(NULL);
    // toString: keys can only be strings, but a fault of the library must come out as it is, not stop the driver.
    const b = Buffer.isBuffer(value) ? value : Buffer.from(String(value), 'utf8');
    this.u32(b.length);
    this.parts.push(b);
  }
  userRecord(r) {
    this.nullable(r.partitionKey);
    this.nullable(r.explicitPartitionKey); // the library's name for the explicit hash key
    const numbers = Buffer.alloc(9);
    numbers.writeBigUInt64BE(BigInt(r.subSequenceNumber ?? 0));
    numbers[8] = r.subSequenceNumber === undefined ? 0 : 1; // by its documentation, how to tell the two apart
    this.parts.push(numbers);
    this.nullable(Buffer.from(r.data, 'base64'));
    this.count += 1;
  }
  kinesisRecord(r) {
    this.nullable(r.partitionKey);
    this.nullable(r.ExplicitHashKey); // spelled so by the library, unlike its other fields
    this.nullable(r.data);
    this.count += 1;
  }
  frame(errors) {
    const head = new Answer();
    head.parts.push(Buffer.from([errors.length ? 1 : 0]));
    if (errors.length) head.nullable(`${errors[0].name}: ${errors[0].message}`.slice(0, 200));
    head.u32(this.count);
    const body = Buffer.concat([...head.parts, ...this.parts]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return [length, body];
  }
}

/** As Lambda hands a record over: data in base64. The library knows no hash key range. */
function read(request, answer, errors) {
  request.u8();
  request.skipText16();
  request.skipText16();
  const partitionKey = request.nullable()?.toString('utf8');
  const data = request.nullable().toString('base64');
  const onRecord = (error, r) => (error ? errors.push(error) : answer.userRecord(r));
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
  const onReady = (error, r) => (error ? errors.push(error) : r && answer.kinesisRecord(r));
  new agg.RecordAggregator(onReady).aggregateRecords(records, true);
}

function answerTo(bytes) {
  const request = new Request(bytes);
  const answer = new Answer();
  const errors = [];
  try {
    (request.u8() === 0 ? read : write)(request, answer, errors);
  } catch (error) {
    errors.push(error);
  }
  return answer.frame(errors);
}

async function serve() {
  const hello = new Answer();
  hello.nullable(`aws-kinesis-agg ${version} (npm), Node ${process.versions.node}`);
  process.stdout.write(Buffer.concat(hello.parts));
  let rest = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    const out = [];
    while (rest.length >= 4 && rest.length - 4 >= rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      out.push(...answerTo(rest.subarray(4, end)));
      rest = rest.subarray(end);
    }
    // Every answer to this chunk at once; wait while the client does not read.
    if (out.length && !process.stdout.write(Buffer.concat(out))) {
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  }
}

// The library must not print into the protocol.
console.log = console.error = console.warn = () => {};
serve();
