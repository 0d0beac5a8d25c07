import { connect } from 'node:net'; import { createInterface } from 'node:readline'; import { host, port, lines } from '../lib/frames.js';
const topic = process.argv[2]; const st = {}; const s = connect(port, host, () => s.write(JSON.stringify({ t: 'sub', topic }) + '\n'));
s.setEncoding('utf8'); s.on('data', (d) => { for (const l of lines(st, d)) { const m = JSON.parse(l); console.log(`(${m.topic}) ${m.data}`); } });
s.on('close', () => process.exit(0)); s.on('error', (e) => { console.error(e.message); process.exit(1); });
createInterface({ input: process.stdin }).on('line', (l) => { if (l === 'terminate') s.end(); });
