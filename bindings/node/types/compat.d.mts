export * from './compat.js';
