import library from './index.js';

export const { deaggregate, processBatch, transformBatch, aggregate, RecordAggregator } = library;
