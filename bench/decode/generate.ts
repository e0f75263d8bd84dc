/**
 * Files to decode, made here so that everybody measures the same: a table dump and a capture, from a seeded generator, and
 * written in pieces so that a large one needs no memory.
 */
import { closeSync, openSync, writeSync } from "node:fs";

/** xorshift32: small, and the same everywhere. */
export function random(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A TABLE_DUMP_V2 with as many prefixes, each from as many peers. */
export function writeTable(path: string, prefixes: number, peers: number): void {
  const next = random(42);
  const file = openSync(path, "w");
  const batch: Buffer[] = [];
  let gathered = 0;
  const put = (subtype: number, body: Buffer): void => {
    const header = Buffer.alloc(12);
    header.writeUInt32BE(1_700_000_000, 0);
    header.writeUInt16BE(13, 4);
    header.writeUInt16BE(subtype, 6);
    header.writeUInt32BE(body.length, 8);
    batch.push(header, body);
    gathered += 12 + body.length;
    if (gathered < 1 << 20) return;
    writeSync(file, Buffer.concat(batch.splice(0)));
    gathered = 0;
  };
  put(1, peerIndex(peers));
  let origin = attributeTail(next);
  for (let i = 0; i < prefixes; i++) {
    // A handful of neighbouring prefixes share an origin, as in real tables.
    if (next() % 4 === 0) origin = attributeTail(next);
    const head = Buffer.alloc(10);
    head.writeUInt32BE(i, 0);
    head[4] = 24;
    head.writeUIntBE((1 << 16) + i, 5, 3);
    head.writeUInt16BE(peers, 8);
    const entries = Array.from({ length: peers }, (_, peer) => entry(peer, origin));
    put(2, Buffer.concat([head, ...entries]));
  }
  writeSync(file, Buffer.concat(batch));
  closeSync(file);
}

interface Tail {
  readonly path: readonly number[];
  readonly communities: readonly number[];
  readonly med: number;
}

function attributeTail(next: () => number): Tail {
  return {
    path: Array.from({ length: 2 + (next() % 4) }, () => 1000 + (next() % 60_000)),
    communities: Array.from({ length: next() % 6 }, () => next()),
    med: next() % 3 === 0 ? next() % 1000 : 0,
  };
}

function peerIndex(peers: number): Buffer {
  const body = Buffer.alloc(8 + peers * 13);
  body.writeUInt32BE(0x0a00_0001, 0);
  body.writeUInt16BE(peers, 6);
  for (let i = 0; i < peers; i++) {
    const at = 8 + i * 13;
    body[at] = 2;
    body.writeUInt32BE(0x0a01_0001 + i, at + 1);
    body.writeUInt32BE(0xc000_0201 + i, at + 5);
    body.writeUInt32BE(65_000 + i, at + 9);
  }
  return body;
}

function entry(peer: number, { path, communities, med }: Tail): Buffer {
  const attributes = attributesOf([65_000 + peer, ...path], 0xc000_0201 + peer, communities, med);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(peer, 0);
  head.writeUInt32BE(1_600_000_000, 2);
  head.writeUInt16BE(attributes.length, 6);
  return Buffer.concat([head, attributes]);
}

function attributesOf(path: readonly number[], nextHop: number, communities: readonly number[], med: number): Buffer {
  const parts = [Buffer.from([0x40, 1, 1, 0])];
  const asPath = Buffer.alloc(5 + path.length * 4);
  asPath.set([0x40, 2, 2 + path.length * 4, 2, path.length]);
  for (const [i, asn] of path.entries()) asPath.writeUInt32BE(asn, 5 + i * 4);
  const hop = Buffer.from([0x40, 3, 4, 0, 0, 0, 0]);
  hop.writeUInt32BE(nextHop, 3);
  parts.push(asPath, hop);
  if (med > 0) {
    const value = Buffer.from([0x80, 4, 4, 0, 0, 0, 0]);
    value.writeUInt32BE(med, 3);
    parts.push(value);
  }
  if (communities.length > 0) {
    const value = Buffer.alloc(3 + communities.length * 4);
    value.set([0xc0, 8, communities.length * 4]);
    for (const [i, community] of communities.entries()) value.writeUInt32BE(community, 3 + i * 4);
    parts.push(value);
  }
  return Buffer.concat(parts);
}

/**
 * A pcap file with one long session: UPDATEs of a table in full segments from one side, acknowledgements from the other.
 * @returns its length
 */
export function writeCapture(path: string, octets: number): number {
  const file = openSync(path, "w");
  let written = 0;
  let batch: Buffer[] = [];
  let gathered = 0;
  for (const piece of capturePieces(octets)) {
    batch.push(piece);
    gathered += piece.length;
    if (gathered < 1 << 20) continue;
    written += writeSync(file, Buffer.concat(batch));
    batch = [];
    gathered = 0;
  }
  written += writeSync(file, Buffer.concat(batch));
  closeSync(file);
  return written;
}

/** The same file as a stream that nobody has to store. */
export function* capturePieces(octets: number): Generator<Buffer> {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20);
  yield header;
  const messages = updates();
  let stream = Buffer.alloc(0);
  let seq = 1000;
  let frame = 0;
  for (let length = 24; length < octets; frame++) {
    while (stream.length < SEGMENT) stream = Buffer.concat([stream, messages.next().value as Buffer]);
    const data = packet(frame, true, seq, stream.subarray(0, SEGMENT));
    stream = stream.subarray(SEGMENT);
    seq = (seq + SEGMENT) >>> 0;
    length += data.length;
    yield data;
    if (frame % 2 === 0) continue;
    const ack = packet(frame, false, seq, Buffer.alloc(0));
    length += ack.length;
    yield ack;
  }
}

function* updates(): Generator<Buffer, never> {
  const next = random(7);
  for (let network = 1 << 16; ; ) {
    const { path, communities, med } = attributeTail(next);
    const attributes = attributesOf([65_001, ...path], 0xc000_0201, communities, med);
    const nlri = Buffer.alloc(4 * (1 + (next() % 8)));
    for (let i = 0; i < nlri.length; i += 4) {
      nlri[i] = 24;
      nlri.writeUIntBE(network++ & 0xff_ffff, i + 1, 3);
    }
    const message = Buffer.alloc(23, 0xff);
    message.writeUInt16BE(23 + attributes.length + nlri.length, 16);
    message[18] = 2;
    message.writeUInt16BE(0, 19);
    message.writeUInt16BE(attributes.length, 21);
    yield Buffer.concat([message, attributes, nlri]);
  }
}

function packet(frame: number, forward: boolean, seq: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(16 + 14 + 20 + 20);
  const length = 54 + payload.length;
  head.writeUInt32LE(1_700_000_000 + Math.floor(frame / 1000), 0);
  head.writeUInt32LE((frame % 1000) * 1000, 4);
  head.writeUInt32LE(length, 8);
  head.writeUInt32LE(length, 12);
  head.writeUInt16BE(0x0800, 16 + 12);
  head[30] = 0x45;
  head.writeUInt16BE(40 + payload.length, 32);
  head[38] = 64;
  head[39] = 6;
  head.writeUInt32BE(forward ? 0xc000_0201 : 0xc000_0202, 42);
  head.writeUInt32BE(forward ? 0xc000_0202 : 0xc000_0201, 46);
  head.writeUInt16BE(forward ? 40_000 : 179, 50);
  head.writeUInt16BE(forward ? 179 : 40_000, 52);
  head.writeUInt32BE(forward ? seq : 5000, 54);
  head.writeUInt32BE(forward ? 5000 : seq, 58);
  head[62] = 0x50;
  head[63] = 0x18;
  head.writeUInt16BE(65_535, 64);
  return Buffer.concat([head, payload]);
}

const SEGMENT = 1448;
