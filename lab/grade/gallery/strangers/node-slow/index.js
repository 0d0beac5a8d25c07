// server:  node index.js 5000
// client:  node index.js 127.0.0.1 5000 PUBLISHER
const net = require('net');
const readline = require('readline');
const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms));

function server(port) {
  const subscribers = new Set();
  let chain = Promise.resolve();
  const deliver = (text) => {
    chain = chain.then(async () => {
      await sleep(900); // "persist" it
      for (const s of subscribers) s.write(text + '\n');
    });
  };
  net.createServer((socket) => {
    const name = socket.remoteAddress + ':' + socket.remotePort;
    let role = '';
    socket.on('error', () => {});
    readline.createInterface({ input: socket }).on('error', () => {}).on('line', (line) => {
      if (!role) {
        role = line;
        if (role === 'SUBSCRIBER') subscribers.add(socket);
        console.log(name, 'is', role);
      } else if (line === 'terminate') {
        socket.end();
      } else {
        console.log(name, 'said', line);
        if (role === 'PUBLISHER') deliver(name + ' said ' + line);
      }
    });
    socket.on('close', () => {
      subscribers.delete(socket);
      console.log(name, 'left');
    });
  }).listen(port, () => console.log('slow server on', port));
}

function client(host, port, role) {
  const socket = net.connect(port, host, () => socket.write(role + '\n'));
  socket.on('error', (e) => { console.log(e.message); process.exit(1); });
  socket.on('close', () => process.exit());
  readline.createInterface({ input: socket }).on('line', (l) => console.log(l));
  readline.createInterface({ input: process.stdin }).on('line', (l) => {
    socket.write(l + '\n');
    if (l === 'terminate') socket.end();
  });
}

const [a, b, c] = process.argv.slice(2);
if (c) client(a, Number(b), c.toUpperCase());
else server(Number(a));
