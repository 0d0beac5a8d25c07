const net = require('net');
const readline = require('readline');

const [host, port, role, topic] = process.argv.slice(2);
if (!topic) {
  console.log('Usage: node client.js <HOST> <PORT> <ROLE> <TOPIC>');
  process.exit(1);
}

const socket = net.connect(Number(port), host, () => {
  socket.write(`${role}|${topic}\n`);
  console.log(`Connected as ${role} to topic ${topic}`);
  rl.prompt();
});

const rl = readline.createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
rl.on('line', (line) => {
  socket.write(line + '\n');
  if (line === 'terminate') {
    socket.end();
    rl.close();
    return;
  }
  rl.prompt();
});
rl.on('SIGINT', () => process.exit(0));

socket.on('data', (data) => {
  process.stdout.write('\n' + data);
  rl.prompt();
});
socket.on('close', () => process.exit(0));
socket.on('error', (e) => {
  console.log('Connection error:', e.message);
  process.exit(1);
});
