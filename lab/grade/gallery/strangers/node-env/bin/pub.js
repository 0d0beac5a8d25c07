import { connect } from 'node:net'; import { createInterface } from 'node:readline'; import { host, port } from '../lib/frames.js';
const topic = process.argv[2]; const s = connect(port, host, () => s.write(JSON.stringify({ t: 'hello', topic }) + '\n'));
s.on('close', () => process.exit(0)); s.on('error', (e) => { console.error(e.message); process.exit(1); });
createInterface({ input: process.stdin }).on('line', (l) => { if (l === 'terminate') s.end(); else s.write(JSON.stringify({ t: 'msg', topic, data: l }) + '\n'); });
