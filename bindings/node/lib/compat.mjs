import library from './compat.js';

export const { deaggregate, deaggregateSync, aggregate, RecordAggregator } = library;
export default library;
