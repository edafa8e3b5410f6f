import * as library from './compat.js';

export * from './compat.js';
export default library;
