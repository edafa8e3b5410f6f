// Runs the core away from the page, so that ten megabytes do not freeze it. Its requests and answers are tables of
// numbers: see bindings/wasm/src/lib.rs.
'use strict';

let exports;

/** Starts the core from its base64. */
function start(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}

/** Writes a request: the input, then the shards. */
function send(...parts) {
  const head = 8 * parts.length;
  const length = parts.reduce((sum, part) => sum + part.length, head);
  const address = exports.input(length) >>> 0;
  if (address === 0) throw new Error('there is no memory for this input');
  const numbers = new Uint32Array(exports.memory.buffer, address, 2 * parts.length);
  let at = head;
  parts.forEach((part, place) => {
    new Uint8Array(exports.memory.buffer, address + at, part.length).set(part);
    numbers[2 * place] = at;
    at += part.length;
    numbers[2 * place + 1] = at;
  });
}

function inspect(input, shards) {
  send(input, new TextEncoder().encode(shards));
  // First: memory that grows takes the old buffer away.
  const address = exports.inspect() >>> 0;
  const header = new Uint32Array(exports.memory.buffer, address, 13);
  const bytes = (n) => new Uint8Array(exports.memory.buffer, header[n], header[n + 1]);
  const text = new TextDecoder().decode(bytes(9));
  if (header[0] === 1) return { error: text };
  const ends = new Uint32Array(exports.memory.buffer, header[3], header[4]).slice();
  const { records, refused, warnings } = JSON.parse(text);
  return { summaries: records.map(summary), texts: records.map((it) => JSON.stringify(it)), refused, warnings, data: bytes(11).slice(), ends };
}

/** What the list shows. The page gets the rest as text: making ten megabytes of objects there would freeze it. */
function summary({ record, kind, dataLength, userRecords, kcl }) {
  const bad = kcl.delivers !== 'all' || kind === 'broken';
  return { record, kind, dataLength, userRecords: userRecords.length, bad };
}

onmessage = ({ data: { base64, input, shards } }) => {
  try {
    if (exports === undefined) start(base64);
    const answer = inspect(input, shards);
    postMessage(answer, answer.data ? [answer.data.buffer] : []);
  } catch (error) {
    exports = undefined;
    postMessage({ error: `the input cannot be read: ${error.message}` });
  }
};
