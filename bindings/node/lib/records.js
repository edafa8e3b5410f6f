// Kinesis records, in the shapes that they come in.
'use strict';

const has = (object, key) => object !== null && typeof object === 'object' && key in object;

/** Refuses a callback that is not a function before there is anything to lose. */
function callable(callback, name) {
  if (typeof callback !== 'function') throw new TypeError(`${name} is not a function`);
}

/** Options that are left out, or an object of them, whose `functions` are functions. */
function object(options, ...functions) {
  if (options === undefined) return {};
  if (options === null || typeof options !== 'object') throw new TypeError('the options are not an object');
  for (const name of functions) if (options[name] !== undefined) callable(options[name], name);
  return options;
}

/** A whole number as text, in whatever type it comes: hash keys are longer than a JavaScript number. */
function number(value, what) {
  if (typeof value === 'string' || typeof value === 'bigint' || typeof value === 'number') return String(value);
  throw new TypeError(`${what} is neither a string nor a number`);
}

/** The Kinesis records of an event, of a page of GetRecords, or of an array. */
function list(source) {
  if (Array.isArray(source)) return source;
  if (has(source, 'Records') && Array.isArray(source.Records)) return source.Records;
  if (has(source, 'records') && Array.isArray(source.records)) return source.records;
  throw new TypeError('neither an event with records nor an array of Kinesis records');
}

/** The level that has the data: an event of a Kinesis event source mapping nests it. */
function level(record) {
  if (has(record, 'kinesis')) return record.kinesis;
  if (has(record, 'kinesisRecordMetadata')) return { ...record.kinesisRecordMetadata, data: record.data };
  return record;
}

/** A Kinesis record's data as bytes: not copied unless it is base64. */
function bytes(data, index) {
  if (data instanceof Uint8Array) return data;
  if (typeof data !== 'string') throw new TypeError(`record ${index}: its data are neither base64 nor a Uint8Array`);
  const decoded = Buffer.from(data, 'base64');
  // Node.js leaves out what is not base64, so the length tells.
  let digits = data.length;
  while (digits > 0 && data.charCodeAt(digits - 1) === 0x3d) digits -= 1;
  if (decoded.length !== Math.floor((digits * 3) / 4)) throw new TypeError(`record ${index}: its data are not base64`);
  return decoded;
}

function text(value, what, index) {
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw new TypeError(`record ${index}: its ${what} is not a string`);
}

/** A Kinesis record, whatever shape it came in: that of Lambda, of Pipes, of Firehose, of the SDK, or our own. */
function parse(record, index) {
  const at = level(record);
  if (at === null || typeof at !== 'object') throw new TypeError(`record ${index} is not a Kinesis record`);
  return {
    source: record,
    index,
    data: bytes(at.data ?? at.Data, index),
    partitionKey: text(at.partitionKey ?? at.PartitionKey, 'partition key', index),
    sequenceNumber: text(at.sequenceNumber ?? at.SequenceNumber, 'sequence number', index),
  };
}

module.exports = { callable, level, list, number, object, parse };
