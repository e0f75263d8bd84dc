/**
 * UPDATEs for many routes at once: all prefixes of one attribute set fill messages up to the limit of
 * the session, in one pass.
 *
 * The attributes are encoded once. A prefix is written behind them; the one that does not fit any more
 * is taken back, the message goes out, and the prefix begins the next.
 */
import { ByteWriter } from "../wire/bytes.ts";
import { encodeAttributes, type PathAttributes } from "./attribute.ts";
import { type CodecContext, familyKey } from "./capability.ts";
import { Afi, AttributeCode, Flags, MessageType, Safi } from "./iana.ts";
import { sendLimit, startMessage } from "./message.ts";
import { encodeMpReach, encodeMpUnreach, encodeNlri, type MpReach, type Nlri } from "./nlri.ts";

/**
 * Announces prefixes that share their attributes.
 * @param attributes with `mpReach` for any family but IPv4 unicast over `nextHop`: its next hops count, its own NLRI do not
 * @param nlri read once, in order; an element may be changed after the next one was asked for
 * @param max octets of a message; what the session allows if left out
 * @param unfit gets the prefixes for which even a message of their own is too small: they have to be
 * withdrawn (RFC 8654 §5)
 * @throws RangeError for such a prefix, without `unfit`
 */
export function* packUpdates(
  attributes: PathAttributes,
  nlri: Iterable<Nlri>,
  context: CodecContext,
  max: number = sendLimit(context),
  unfit?: (nlri: Nlri) => void,
): Generator<Uint8Array> {
  const { mpReach, mpUnreach: _, ...others } = attributes;
  const form = mpReach ? reachForm(mpReach, others, context) : plainForm(attributes, context);
  yield* pack(form, nlri, max, unfit);
}

/** Withdraws prefixes of one family; parameters as for `packUpdates`. */
export function* packWithdrawals(
  afi: number,
  safi: number,
  nlri: Iterable<Nlri>,
  context: CodecContext,
  max: number = sendLimit(context),
): Generator<Uint8Array> {
  const plain = afi === Afi.Ipv4 && safi === Safi.Unicast;
  yield* pack(plain ? withdrawnForm(context) : unreachForm(afi, safi, context), nlri, max, undefined);
}

/** A message with a hole for the prefixes. */
interface Form {
  /** Everything before them. */
  readonly head: Uint8Array;
  /** Everything behind them. */
  readonly tail: Uint8Array;
  readonly addPath: boolean;
  /** Where a two-octet length stands, and where what it counts begins; it ends with the prefixes or with the tail. */
  readonly lengths: readonly { readonly at: number; readonly from: number; readonly withTail: boolean }[];
}

function* pack(
  form: Form,
  nlri: Iterable<Nlri>,
  max: number,
  unfit: ((nlri: Nlri) => void) | undefined,
): Generator<Uint8Array> {
  const w = new ByteWriter(Math.min(max + 64, FIRST_CAPACITY)).bytes(form.head);
  const base = w.length;
  const room = max - form.tail.length;
  for (const item of nlri) {
    const before = w.length;
    encodeNlri(w, item, form.addPath);
    if (w.length <= room) continue;
    if (before > base) {
      yield close(w.truncate(before), form);
      encodeNlri(w.truncate(base), item, form.addPath);
      if (w.length <= room) continue;
    }
    w.truncate(base);
    if (!unfit) throw new RangeError(`the attributes do not fit a message of ${max} octets`);
    unfit(item);
  }
  if (w.length > base) yield close(w, form);
}

function close(w: ByteWriter, { tail, lengths }: Form): Uint8Array {
  const prefixesEnd = w.length;
  w.bytes(tail).patchU16(MESSAGE_LENGTH_AT, w.length);
  for (const { at, from, withTail } of lengths) w.patchU16(at, (withTail ? w.length : prefixesEnd) - from);
  return w.finish();
}

/** `header | 0 | length, attributes | prefixes` */
function plainForm(attributes: PathAttributes, context: CodecContext): Form {
  const w = start().u16(0);
  const { mpUnreach: _, ...others } = attributes;
  const octets = attributeOctets(others, context);
  w.u16(octets.length).bytes(octets);
  return { head: w.finish(), tail: NOTHING, addPath: context.addPathTx.has("1/1"), lengths: [] };
}

/** `header | 0 | length, MP_REACH_NLRI(prefixes), the other attributes` */
function reachForm(mp: MpReach, others: PathAttributes, context: CodecContext): Form {
  const w = start().u16(0).u16(0);
  const attributesFrom = w.length;
  w.u8(MP_FLAGS).u8(AttributeCode.MpReachNlri).u16(0);
  const valueFrom = w.length;
  encodeMpReach(w, { ...mp, nlri: [] }, context);
  const { nextHop: _, ...rest } = others; // NEXT_HOP does not belong beside MP_REACH_NLRI (RFC 4760 §3)
  return {
    head: w.finish(),
    tail: attributeOctets(rest, context),
    addPath: context.addPathTx.has(familyKey(mp.afi, mp.safi)),
    lengths: [
      { at: attributesFrom - 2, from: attributesFrom, withTail: true },
      { at: valueFrom - 2, from: valueFrom, withTail: false },
    ],
  };
}

/** `header | length, prefixes | 0` */
function withdrawnForm(context: CodecContext): Form {
  const w = start().u16(0);
  const from = w.length;
  return {
    head: w.finish(),
    tail: new Uint8Array(2),
    addPath: context.addPathTx.has("1/1"),
    lengths: [{ at: from - 2, from, withTail: false }],
  };
}

/** `header | 0 | length, MP_UNREACH_NLRI(prefixes)` */
function unreachForm(afi: number, safi: number, context: CodecContext): Form {
  const w = start().u16(0).u16(0);
  const attributesFrom = w.length;
  w.u8(MP_FLAGS).u8(AttributeCode.MpUnreachNlri).u16(0);
  const valueFrom = w.length;
  encodeMpUnreach(w, { afi, safi, nlri: [] }, context);
  return {
    head: w.finish(),
    tail: NOTHING,
    addPath: context.addPathTx.has(familyKey(afi, safi)),
    lengths: [
      { at: attributesFrom - 2, from: attributesFrom, withTail: false },
      { at: valueFrom - 2, from: valueFrom, withTail: false },
    ],
  };
}

function start(): ByteWriter {
  const w = new ByteWriter(128);
  startMessage(w, MessageType.Update);
  return w;
}

function attributeOctets(attributes: PathAttributes, context: CodecContext): Uint8Array {
  const w = new ByteWriter(256);
  encodeAttributes(w, attributes, context);
  return w.finish();
}

const MESSAGE_LENGTH_AT = 16;
const FIRST_CAPACITY = 8192;
/** The length of an MP attribute is known last: two octets for it from the start. */
const MP_FLAGS = Flags.Optional | Flags.ExtendedLength;
const NOTHING: Uint8Array = new Uint8Array(0);
