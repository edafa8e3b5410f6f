// Runs the core away from the page, so that ten megabytes do not freeze it. Its requests and answers are tables of
// numbers: see bindings/wasm/src/lib.rs.
'use strict';

let exports;

/** Starts the core from its base64. */
function start(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}

/** Writes a request: numbers, then where each part is, then the parts. */
function send(numbers, parts) {
  const head = 4 * numbers.length + 8 * parts.length;
  const length = parts.reduce((sum, part) => sum + part.length, head);
  const address = exports.input(length) >>> 0;
  if (address === 0) throw new Error('there is no memory for this input');
  const table = new Uint32Array(exports.memory.buffer, address, head / 4);
  table.set(numbers);
  let at = head;
  parts.forEach((part, place) => {
    new Uint8Array(exports.memory.buffer, address + at, part.length).set(part);
    table[numbers.length + 2 * place] = at;
    at += part.length;
    table[numbers.length + 2 * place + 1] = at;
  });
}

/** The answer of one of the core's functions: views that are good until the next call. */
function answer(call) {
  // First: memory that grows takes the old buffer away.
  const address = call() >>> 0;
  const header = new Uint32Array(exports.memory.buffer, address, 13);
  const bytes = (n) => new Uint8Array(exports.memory.buffer, header[n], header[n + 1]);
  const ends = new Uint32Array(exports.memory.buffer, header[3], header[4]);
  return { status: header[0], text: new TextDecoder().decode(bytes(9)), bytes: bytes(11), ends };
}

function inspect(input, shards) {
  send([], [input, new TextEncoder().encode(shards)]);
  const { status, text, bytes, ends } = answer(exports.inspect);
  if (status === 1) return { error: text };
  const { records, refused, warnings } = JSON.parse(text);
  return {
    summaries: records.map(summary), texts: records.map((it) => JSON.stringify(it)), refused, warnings,
    data: bytes.slice(), ends: ends.slice(),
  };
}

/** So much is shown of compressed data. */
const PREVIEW = 400;

/** The start of what each is, decompressed; an empty text for what is not compressed. */
function decompress(parts) {
  send([PREVIEW, parts.length], parts);
  const { bytes, ends } = answer(exports.decompress);
  return parts.map((_, n) => new TextDecoder().decode(bytes.subarray(n === 0 ? 0 : ends[n - 1], ends[n])));
}

/** What the list shows. The page gets the rest as text: making ten megabytes of objects there would freeze it. */
function summary({ record, kind, dataLength, userRecords, kcl }) {
  const bad = kcl.delivers !== 'all' || kind === 'broken';
  return { record, kind, dataLength, userRecords: userRecords.length, bad };
}

onmessage = ({ data: { base64, input, shards, question, compressed } }) => {
  try {
    if (exports === undefined) start(base64);
    if (compressed) return postMessage({ question, decompressed: decompress(compressed) });
    const answer = { ...inspect(input.bytes, shards), number: input.number };
    postMessage(answer, answer.data ? [answer.data.buffer] : []);
  } catch (error) {
    exports = undefined;
    // Where it was only asked what is in compressed data, what is drawn stays.
    if (compressed) return;
    postMessage({ error: `the input cannot be read: ${error.message}`, number: input.number });
  }
};
