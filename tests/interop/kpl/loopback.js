// Preloaded into the local Kinesis (node -r): whatever it listens on, it listens on 127.0.0.1 only.
'use strict';
const { Server } = require('net');
const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object') return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  const callback = rest.find((argument) => typeof argument === 'function');
  return listen.call(this, { port: Number(first), host: '127.0.0.1' }, callback);
};
