import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, test } from 'vitest';
import { nobleProvider } from './noble-provider.js';
import { nodeProvider } from './node.js';
import { webCryptoProvider } from './webcrypto-provider.js';

const NOTHING = new Uint8Array(0);

function run(first: number, last: number): Uint8Array {
  return Uint8Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function repeat(byte: number, times: number): Uint8Array {
  return new Uint8Array(times).fill(byte);
}

// FIPS 180-4 examples (NIST "SHA256.pdf" and the long message of FIPS 180-2 appendix B.3).
const SHA256: [name: string, message: Uint8Array, digest: string][] = [
  ['nothing', NOTHING, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['"abc"', utf8ToBytes('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    '448 bits',
    utf8ToBytes('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  [
    'a million "a"',
    repeat(0x61, 1_000_000),
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  ],
];

// RFC 4231 section 4; case 5 gives the first 128 bits only.
const HMAC: [name: string, key: Uint8Array, data: Uint8Array, mac: string][] = [
  [
    '1',
    repeat(0x0b, 20),
    utf8ToBytes('Hi There'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  ],
  [
    '2',
    utf8ToBytes('Jefe'),
    utf8ToBytes('what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    '3',
    repeat(0xaa, 20),
    repeat(0xdd, 50),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  ],
  ['4', run(1, 25), repeat(0xcd, 50), '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'],
  ['5', repeat(0x0c, 20), utf8ToBytes('Test With Truncation'), 'a3b6167473100ee06e0c796c2955552b'],
  [
    '6',
    repeat(0xaa, 131),
    utf8ToBytes('Test Using Larger Than Block-Size Key - Hash Key First'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    '7',
    repeat(0xaa, 131),
    utf8ToBytes(
      'This is a test using a larger than block-size key and a larger than block-size data. ' +
        'The key needs to be hashed before being used by the HMAC algorithm.',
    ),
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
];

// RFC 5869 appendix A.
const HKDF: [
  name: string,
  ikm: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
  okm: string,
][] = [
  [
    'A.1',
    repeat(0x0b, 22),
    run(0x00, 0x0c),
    run(0xf0, 0xf9),
    42,
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  ],
  [
    'A.2',
    run(0x00, 0x4f),
    run(0x60, 0xaf),
    run(0xb0, 0xff),
    82,
    'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c' +
      '59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  ],
  [
    'A.3',
    repeat(0x0b, 22),
    NOTHING,
    NOTHING,
    42,
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  ],
];

// McGrew, Viega: The Galois/Counter Mode of Operation (GCM), appendix B: the AES-256 cases with 96-bit nonces.
const KEY_15 = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308';
const PLAIN_16 =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
  '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const CIPHER_16 =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
  '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662';
const GCM = [
  {
    name: '13',
    key: '00'.repeat(32),
    iv: '00'.repeat(12),
    aad: '',
    p: '',
    c: '',
    t: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    name: '14',
    key: '00'.repeat(32),
    iv: '00'.repeat(12),
    aad: '',
    p: '00'.repeat(16),
    c: 'cea7403d4d606b6e074ec5d3baf39d18',
    t: 'd0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    name: '15',
    key: KEY_15,
    iv: 'cafebabefacedbaddecaf888',
    aad: '',
    p: `${PLAIN_16}1aafd255`,
    c: `${CIPHER_16}898015ad`,
    t: 'b094dac5d93471bdec1a502270e3cc6c',
  },
  {
    name: '16',
    key: KEY_15,
    iv: 'cafebabefacedbaddecaf888',
    aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    p: PLAIN_16,
    c: CIPHER_16,
    t: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
];

describe.each([nobleProvider, webCryptoProvider, nodeProvider])('the $name provider', (provider) => {
  test.each(SHA256)('gives the FIPS 180 digest of %s', (_name, message, digest) => {
    expect(bytesToHex(provider.sha256(message))).toBe(digest);
    // The same message in parts.
    const third = Math.floor(message.length / 3);
    expect(bytesToHex(provider.sha256(message.subarray(0, third), message.subarray(third), NOTHING))).toBe(
      digest,
    );
  });

  test('gives the digest of nothing for no parts at all', () => {
    expect(bytesToHex(provider.sha256())).toBe(SHA256[0]![2]);
  });

  test.each(HMAC)('gives the MAC of RFC 4231 case %s', (_name, key, data, mac) => {
    const whole = bytesToHex(provider.hmacSha256(key, data));
    expect(whole).toHaveLength(64);
    expect(whole.slice(0, mac.length)).toBe(mac);
    expect(bytesToHex(provider.hmacSha256(key, data.subarray(0, 5), data.subarray(5)))).toBe(whole);
  });

  test.each(HKDF)('gives the output of RFC 5869 case %s', async (_name, ikm, salt, info, length, okm) => {
    expect(bytesToHex(await provider.hkdfSha256(ikm, salt, info, length))).toBe(okm);
  });

  test.each(GCM)('seals and opens GCM test case $name', async ({ key, iv, aad, p, c, t }) => {
    const gcm = await provider.aesGcm(hexToBytes(key));
    const nonce = hexToBytes(iv);
    expect(bytesToHex(await gcm.seal(nonce, hexToBytes(p), hexToBytes(aad)))).toBe(c + t);
    const opened = await gcm.open(nonce, hexToBytes(c + t), hexToBytes(aad));
    expect(opened && bytesToHex(opened)).toBe(p);
  });

  test.each(GCM)(
    'refuses GCM test case $name with any bit of its tag flipped, or a shorter tag',
    async (vector) => {
      const gcm = await provider.aesGcm(hexToBytes(vector.key));
      const nonce = hexToBytes(vector.iv);
      const aad = hexToBytes(vector.aad);
      const sealed = hexToBytes(vector.c + vector.t);
      const tagStart = sealed.length - 16;
      for (let bit = 0; bit < 128; bit++) {
        const forged = sealed.slice();
        forged[tagStart + (bit >> 3)]! ^= 1 << (bit & 7);
        expect(await gcm.open(nonce, forged, aad), `bit ${bit}`).toBeUndefined();
      }
      for (let cut = 1; cut <= 16; cut++) {
        expect(
          await gcm.open(nonce, sealed.subarray(0, sealed.length - cut), aad),
          `cut ${cut}`,
        ).toBeUndefined();
      }
    },
  );

  test('refuses GCM test case 16 under another nonce, key or associated data', async () => {
    const { key, iv, aad, c, t } = GCM[3]!;
    const sealed = hexToBytes(c + t);
    const gcm = await provider.aesGcm(hexToBytes(key));
    const other = await provider.aesGcm(hexToBytes(`00${key.slice(2)}`));
    expect(await gcm.open(hexToBytes(`00${iv.slice(2)}`), sealed, hexToBytes(aad))).toBeUndefined();
    expect(await gcm.open(hexToBytes(iv), sealed, hexToBytes(aad.slice(2)))).toBeUndefined();
    expect(await gcm.open(hexToBytes(iv), sealed, NOTHING)).toBeUndefined();
    expect(await other.open(hexToBytes(iv), sealed, hexToBytes(aad))).toBeUndefined();
  });
});
