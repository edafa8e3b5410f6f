// The drivers' side of the protocol (../README.md), for Node.js.
'use strict';

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
  text16() {
    const start = this.at + 2;
    this.at = start + this.bytes.readUInt16BE(this.at);
    return this.bytes.toString('latin1', start, this.at);
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
    const b = value instanceof Uint8Array ? value : Buffer.from(String(value), 'utf8');
    this.u32(b.length);
    this.parts.push(b);
  }
  /** A user record that was read. */
  read(partitionKey, explicitHashKey, subSequenceNumber, aggregated, data) {
    this.nullable(partitionKey);
    this.nullable(explicitHashKey);
    const numbers = Buffer.alloc(9);
    numbers.writeBigUInt64BE(BigInt(subSequenceNumber));
    numbers[8] = aggregated ? 1 : 0;
    this.parts.push(numbers);
    this.nullable(data);
    this.count += 1;
  }
  /** A Kinesis record that was written. */
  written(partitionKey, explicitHashKey, data) {
    this.nullable(partitionKey);
    this.nullable(explicitHashKey);
    this.nullable(data);
    this.count += 1;
  }
  frame(status, text) {
    const head = new Answer();
    head.parts.push(Buffer.from([status]));
    if (status !== 0) head.nullable(text);
    head.u32(this.count);
    const body = Buffer.concat([...head.parts, ...this.parts]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return [length, body];
  }
}

/** What came of a request that threw. */
const thrown = (error) => `${error.name}: ${error.message}`.slice(0, 200);

/** Says hello, and answers each request with what `answer(request)` makes of it, until there are no more. */
async function serve(name, answer) {
  const hello = new Answer();
  hello.nullable(name);
  process.stdout.write(Buffer.concat(hello.parts));
  let rest = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    const out = [];
    while (rest.length >= 4 && rest.length - 4 >= rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      out.push(...answer(new Request(rest.subarray(4, end))));
      rest = rest.subarray(end);
    }
    // Every answer to this chunk at once; wait while the client does not read.
    if (out.length && !process.stdout.write(Buffer.concat(out))) {
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  }
}


// What a library prints must not get into the protocol.
console.log = console.error = console.warn = () => {};

module.exports = { Answer, serve, thrown };
