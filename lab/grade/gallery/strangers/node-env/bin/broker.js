import { createServer } from 'node:net';
import { lines, port } from '../lib/frames.js';
const topics = new Map();
createServer((s) => {
  const st = {}; let mine = null;
  s.setEncoding('utf8');
  s.on('data', (d) => { for (const l of lines(st, d)) {
    let m; try { m = JSON.parse(l); } catch { continue; }
    if (m.t === 'sub') { mine = m.topic; if (!topics.has(mine)) topics.set(mine, new Set()); topics.get(mine).add(s); console.log('subscriber for', mine); }
    if (m.t === 'hello') console.log('publisher for', m.topic);
    if (m.t === 'msg') { console.log(`${m.topic}: ${m.data}`); for (const x of topics.get(m.topic) ?? []) x.write(JSON.stringify(m) + '\n'); }
  } });
  s.on('error', () => {});
  s.on('close', () => { topics.get(mine)?.delete(s); console.log('one left'); });
}).listen(port, () => console.log('broker on', port));
