/**
 * Writes one stream, or reads it and compares it with what was written.
 * Argument: { location, key, bytes, mode: 'write' | 'read' }.
 */
import { open } from 'holdfast';
import { report } from './report.mjs';

const { location, key, bytes, mode } = JSON.parse(process.argv[2]);
const CHUNK_BYTES = 256 * 1024;

/** Chunk n: bytes that no compression makes less, and no two chunks are equal. */
const pattern = Buffer.alloc(CHUNK_BYTES);
for (let i = 0; i < CHUNK_BYTES; i += 4) pattern.writeUInt32LE(Math.imul(i + 1, 2654435761) >>> 0, i);
function chunk(n) {
  pattern.writeUInt32LE(n, 0);
  return pattern;
}

async function* source() {
  for (let n = 0; n * CHUNK_BYTES < bytes; n++) yield chunk(n).subarray(0, bytes - n * CHUNK_BYTES);
}

const db = await open(location, { key: Buffer.from(key, 'hex') });
let length = 0;
if (mode === 'write') {
  await db.setStream('large', source());
  length = (await db.get('large')).bytes;
} else {
  for await (const found of await db.getStream('large')) {
    for (let at = 0; at < found.length; ) {
      const offset = (length + at) % CHUNK_BYTES;
      const expected = chunk(Math.floor((length + at) / CHUNK_BYTES)).subarray(
        offset,
        offset + found.length - at,
      );
      if (expected.compare(found, at, at + expected.length) !== 0)
        throw new Error(`Byte ${length + at} or one after it is not as it was written.`);
      at += expected.length;
    }
    length += found.length;
  }
}
await db.close();
report({ length });
