// The library's WebAssembly, loaded on first use. Its requests and answers are tables of 32-bit numbers, little-endian:
// see bindings/wasm/src/lib.rs of the project.
'use strict';

/** The header of an answer: its status, then address and length of each table. */
const HEADER = 13;

/** Kinesis takes records of 10 MiB. Beyond that there is room for what no stream ever stored, but not without end. */
const MAX_INPUT = 256 * 1024 * 1024;

/** One of the two modules, `read` or `write`, each embedded in a JavaScript file so that bundlers take it along. */
class Core {
  #load;
  #module;
  #exports;

  constructor(load) {
    this.#load = load;
  }

  get exports() {
    if (this.#exports === undefined) {
      this.#module ??= new WebAssembly.Module(Buffer.from(this.#load(), 'base64'));
      this.#exports = new WebAssembly.Instance(this.#module).exports;
    }
    return this.#exports;
  }

  /**
   * The core's memory from the start of a request of `length` bytes on, as numbers and as bytes.
   * Valid until the next call.
   */
  request(length) {
    if (length > MAX_INPUT) throw new RangeError(`${length} bytes at once are more than ${MAX_INPUT}`);
    const start = this.run((exports) => exports.input(length)) >>> 0;
    if (start === 0) throw new RangeError(`no memory for ${length} bytes`);
    return Buffer.from(this.exports.memory.buffer, start, length);
  }

  /** Runs `f`; should the core run out of memory, it starts anew with the next call. */
  run(f) {
    try {
      return f(this.exports);
    } catch (error) {
      this.#exports = undefined;
      throw new RangeError('the records need more memory than there is', { cause: error });
    }
  }

  /** The answer of `f`, copied out of the core's memory: it owes nothing to later calls. */
  answer(f) {
    const address = this.run(f) >>> 0;
    const { buffer } = this.exports.memory;
    const header = new Uint32Array(buffer, address, HEADER);
    const numbers = (n) => new Uint32Array(buffer, header[n], header[n + 1]).slice();
    const bytes = (n) => {
      const copy = Buffer.allocUnsafeSlow(header[n + 1]);
      copy.set(new Uint8Array(buffer, header[n], header[n + 1]));
      return copy;
    };
    const text = bytes(9);
    if (header[0] === 1) throw new RangeError(text.toString());
    return {
      status: header[0],
      rows: numbers(1),
      records: numbers(3),
      keys: numbers(5),
      losses: numbers(7),
      text,
      bytes: bytes(11),
    };
  }
}

/** Writes a request: numbers first, then the texts and bytes that they point to. */
class Request {
  #numbers = [];
  #texts = [];
  #length = 0;

  number(n) {
    this.#numbers.push(n);
  }

  /** A text or bytes. */
  part(value) {
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    this.#numbers.push(this.#length, this.#length + length);
    // Parts follow the numbers: until all of those are there, positions count from where they will end.
    this.#texts.push(this.#numbers.length - 2, value);
    this.#length += length;
  }

  /** Hands the request to `core`. */
  send(core) {
    const base = this.#numbers.length * 4;
    for (let at = 0; at < this.#texts.length; at += 2) {
      this.#numbers[this.#texts[at]] += base;
      this.#numbers[this.#texts[at] + 1] += base;
    }
    const memory = core.request(base + this.#length);
    new Uint32Array(memory.buffer, memory.byteOffset, this.#numbers.length).set(this.#numbers);
    for (let at = 0; at < this.#texts.length; at += 2) {
      const value = this.#texts[at + 1];
      const start = this.#numbers[this.#texts[at]];
      if (typeof value === 'string') memory.write(value, start);
      else memory.set(value, start);
    }
  }
}

module.exports = {
  Request,
  read: new Core(() => require('./read.wasm.js')),
  write: new Core(() => require('./write.wasm.js')),
};
