import { connect } from 'node:net';

const s = connect(+process.argv[3], process.argv[2]);
s.pipe(process.stdout);
process.stdin.on('data', (d) => s.write(d));
process.stdin.on('end', () => s.end());
s.on('close', () => process.exit(0));
s.on('error', (e) => {
  console.log(e.message);
  process.exit(1);
});
