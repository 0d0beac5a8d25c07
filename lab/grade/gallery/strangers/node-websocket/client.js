const http = require('http');
const crypto = require('crypto');
const readline = require('readline');
const ws = require('./ws');

const [host, port, role, topic] = process.argv.slice(2);
const req = http.request({
  host, port,
  headers: {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13,
    'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'),
  },
});

req.on('upgrade', (res, socket) => {
  const send = (doc) => socket.write(ws.frame(JSON.stringify(doc), true));
  send({ action: 'join', role, topic });
  console.log(`🔌 ${role} on ${topic}`);
  socket.on('data', ws.parser((text) => {
    const m = JSON.parse(text);
    console.log(`🔔 ${m.topic} | ${m.from} | ${m.data}`);
  }, () => process.exit(0)));
  socket.on('close', () => process.exit(0));

  const rl = readline.createInterface({ input: process.stdin });
  rl.on('line', (data) => {
    if (data === 'terminate') {
      socket.end(Buffer.from([0x88, 0x80, 1, 2, 3, 4]));
      return;
    }
    send({ action: 'publish', data });
  });
});
req.on('error', (e) => {
  console.error('cannot connect:', e.message);
  process.exit(1);
});
req.end();
