// Transforming records for Amazon Data Firehose.
'use strict';

const { deaggregate } = require('./deaggregate.js');
const { callable, list, object } = require('./records.js');
const { failsAt } = require('./process.js');

function made(value) {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  throw new TypeError('the handler returned neither a string nor a Uint8Array');
}

/** What is left of one Kinesis record: parts, none of which means that it is dropped. */
async function transformOne(userRecords, handler, options) {
  const parts = [];
  for (const record of userRecords) {
    if (record.loss) {
      if (await failsAt(record, options)) throw new Error(record.loss.message);
      continue;
    }
    try {
      const part = made(await handler(record));
      if (part !== undefined) parts.push(part);
    } catch (error) {
      options.onFailure?.(error, record);
      throw error;
    }
  }
  return parts;
}

async function answer(record, userRecords, handler, options) {
  const { recordId, data } = record;
  try {
    const parts = await transformOne(userRecords, handler, options);
    if (parts.length === 0) return { recordId, result: 'Dropped', data: '' };
    return { recordId, result: 'Ok', data: Buffer.concat(parts).toString('base64') };
  } catch {
    return { recordId, result: 'ProcessingFailed', data };
  }
}

async function transformBatch(event, handler, options) {
  callable(handler, 'the handler');
  const how = object(options, 'onLoss', 'onFailure');
  const records = list(event);
  const all = deaggregate(records, how);
  const answers = [];
  let pending = all.next();
  for (let index = 0; index < records.length; index += 1) {
    const own = [];
    for (; !pending.done && pending.value.recordIndex === index; pending = all.next()) own.push(pending.value);
    answers.push(await answer(records[index], own, handler, how));
  }
  return { records: answers };
}

module.exports = { transformBatch };
