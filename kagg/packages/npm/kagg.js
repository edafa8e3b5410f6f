#!/usr/bin/env node
// Runs the command, which is in a package of its own for each platform: npm installs the one that fits.
'use strict';

const { spawn } = require('node:child_process');
const { constants } = require('node:os');

const platform = `kagg-${process.platform}-${process.arch}`;
let command;
try {
  command = require.resolve(`${platform}/kagg`);
} catch {
  console.error(`kagg: there is no package ${platform}. Is optionalDependencies left out, or the platform not built? cargo install kagg`);
  process.exit(2);
}
const child = spawn(command, process.argv.slice(2), { stdio: 'inherit' });
// It drains on these, and must not lose its parent meanwhile.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => child.kill(signal));
}
child.on('error', (error) => {
  console.error(`kagg: ${error.message}`);
  process.exit(2);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
