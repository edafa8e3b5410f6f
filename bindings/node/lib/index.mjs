import library from './index.js';

export const { deaggregate, processBatch, MemoryResume, transformBatch, aggregate, RecordAggregator } = library;
