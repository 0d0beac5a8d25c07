import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const online = [];

createServer((sock) => {
  sock.on('error', () => {});
  serve(sock).catch((e) => console.log('client %d: %s', sock.remotePort, e.message));
}).listen(process.argv[2], () => console.log('Server listening on port %s', process.argv[2]));

async function serve(sock) {
  const who = sock.remotePort;
  console.log('client %d connected', who);
  const lines = createInterface({ input: sock })[Symbol.asyncIterator]();
  const ask = async (question) => {
    sock.write(question);
    const { value, done } = await lines.next();
    return done ? null : value.trim();
  };

  let role;
  do {
    role = await ask('Enter your role (PUBLISHER/SUBSCRIBER) : ');
    if (role === null) return console.log('client %d left without a role', who);
    role = role.toUpperCase();
  } while (role !== 'PUBLISHER' && role !== 'SUBSCRIBER');
  const topic = await ask('Enter the topic : ');
  if (topic === null) return;

  const me = { sock, role, topic };
  online.push(me);
  sock.write(`registered as ${role} of ${topic}\n`);
  console.log('client %d registered as %s of %s', who, role, topic);
  try {
    for await (const line of lines) {
      if (line === 'terminate') break;
      console.log('client %d: %s', who, line);
      if (role === 'PUBLISHER') {
        online.filter((c) => c.role === 'SUBSCRIBER' && c.topic === topic)
          .forEach((c) => c.sock.write(`[FROM ${who}] : ${line}\n`));
      }
    }
  } finally {
    online.splice(online.indexOf(me), 1);
    sock.end();
  }
  console.log('client %d disconnected (active clients: %d)', who, online.length);
}
