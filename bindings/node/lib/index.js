'use strict';

const { deaggregate } = require('./deaggregate.js');
const { processBatch } = require('./process.js');
const { transformBatch } = require('./transform.js');
const { aggregate, RecordAggregator } = require('./aggregate.js');

module.exports = { deaggregate, processBatch, transformBatch, aggregate, RecordAggregator };
