const net = require('net');

const port = parseInt(process.argv[2], 10);
if (!port) {
  console.log('Usage: node server.js <PORT>');
  process.exit(1);
}

const clients = new Map(); // socket -> { role, topic }
const FAULT = process.env.FAULT;

const server = net.createServer((socket) => {
  const id = `${socket.remoteAddress}:${socket.remotePort}`;
  let rest = '';
  console.log(`Client connected: ${id}`);
  socket.setEncoding('utf8');

  socket.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) onLine(line.trim());
  });

  function onLine(line) {
    const me = clients.get(socket);
    if (!me) {
      const [role, topic] = line.split('|');
      clients.set(socket, { role, topic });
      console.log(`${id} registered as ${role} for ${topic}`);
      return;
    }
    if (line === 'terminate') {
      socket.end();
      return;
    }
    console.log(`${id} [${me.topic}]: ${line}`);
    if (me.role !== 'PUBLISHER') return;
    for (const [s, c] of clients) {
      const wanted = c.role === 'SUBSCRIBER' || FAULT === 'echoes';
      if (wanted && c.topic === me.topic) s.write(`[FROM ${id}] : ${line}\n`);
    }
  }

  socket.on('close', () => {
    clients.delete(socket);
    console.log(`Client disconnected: ${id}`);
  });
  socket.on('error', () => {});
});

server.on('error', (e) => {
  console.error(e.message);
  process.exit(1);
});
server.listen(port, () => console.log(`Listening on ${port}`));
