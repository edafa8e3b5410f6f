// What the package gives. A function that only reads starts without the rest.
'use strict';

module.exports = {
  deaggregate: require('./deaggregate.js').deaggregate,
  get processBatch() {
    return require('./process.js').processBatch;
  },
  get MemoryResume() {
    return require('./resume.js').MemoryResume;
  },
  get transformBatch() {
    return require('./transform.js').transformBatch;
  },
  get aggregate() {
    return require('./aggregate.js').aggregate;
  },
  get RecordAggregator() {
    return require('./aggregate.js').RecordAggregator;
  },
};
