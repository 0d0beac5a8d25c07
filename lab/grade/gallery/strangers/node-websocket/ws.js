// The little of RFC 6455 that we need: text frames below 64 KiB, close.
const crypto = require('crypto');
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

exports.acceptKey = (key) => crypto.createHash('sha1').update(key + GUID).digest('base64');

exports.frame = (text, masked) => {
  const body = Buffer.from(text);
  const bit = masked ? 0x80 : 0;
  const head = body.length < 126
    ? Buffer.from([0x81, bit | body.length])
    : Buffer.from([0x81, bit | 126, body.length >> 8, body.length & 255]);
  if (!masked) return Buffer.concat([head, body]);
  const mask = crypto.randomBytes(4);
  return Buffer.concat([head, mask, body.map((b, i) => b ^ mask[i % 4])]);
};

// Calls onText for every text frame and onClose for a close frame; returns what to feed with chunks.
exports.parser = (onText, onClose) => {
  let buf = Buffer.alloc(0);
  return (chunk) => {
    buf = Buffer.concat([buf, chunk]);
    for (;;) {
      if (buf.length < 2) return;
      let len = buf[1] & 0x7f;
      let at = 2;
      if (len === 126) {
        if (buf.length < 4) return;
        len = buf.readUInt16BE(2);
        at = 4;
      }
      const masked = buf[1] & 0x80;
      if (buf.length < at + (masked ? 4 : 0) + len) return;
      let body;
      if (masked) {
        const mask = buf.subarray(at, at + 4);
        at += 4;
        body = buf.subarray(at, at + len).map((b, i) => b ^ mask[i % 4]);
      } else {
        body = buf.subarray(at, at + len);
      }
      const op = buf[0] & 0x0f;
      buf = buf.subarray(at + len);
      if (op === 8) return onClose();
      if (op === 1) onText(Buffer.from(body).toString());
    }
  };
};
