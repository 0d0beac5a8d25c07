const http = require('http');
const ws = require('./ws');

const subs = new Set();

const server = http.createServer((req, res) => {
  res.writeHead(426);
  res.end('WebSocket only\n');
});

server.on('upgrade', (req, socket) => {
  const name = `${socket.remoteAddress}:${socket.remotePort}`;
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${ws.acceptKey(req.headers['sec-websocket-key'])}\r\n\r\n`);
  const me = { socket, role: null, topic: null };
  console.log(new Date().toISOString(), 'open', name);

  socket.on('data', ws.parser((text) => {
    const msg = JSON.parse(text);
    switch (msg.action) {
      case 'join':
        me.role = msg.role;
        me.topic = msg.topic;
        if (me.role === 'SUBSCRIBER') subs.add(me);
        console.log(new Date().toISOString(), 'join', name, me.role, me.topic);
        break;
      case 'publish':
        console.log(new Date().toISOString(), 'publish', name, me.topic, msg.data);
        if (me.role !== 'PUBLISHER') break;
        for (const s of subs) {
          if (s.topic === me.topic || process.env.FAULT === 'ignores-topics') {
            s.socket.write(ws.frame(JSON.stringify({ topic: me.topic, from: name, data: msg.data })));
          }
        }
        break;
    }
  }, () => socket.end()));
  socket.on('error', () => {});
  socket.on('close', () => {
    subs.delete(me);
    console.log(new Date().toISOString(), 'close', name);
  });
});

server.listen(Number(process.argv[2] || 8080), () => console.log('WebSocket server on port', process.argv[2] || 8080));
