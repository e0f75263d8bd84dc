/**
 * Update groups: peers with the same export policy and the same kind of session share one Adj-RIB-Out, one set of
 * changed prefixes, and the octets. What changes is judged, packed and encoded once, as a batch; each member reads the
 * batches at its own pace and skips what is not for it (its own routes). A member that falls behind leaves the common
 * way and keeps, by prefix, what it was sent last: memory by state, not by messages (group-member.ts).
 */
import type { CodecContext } from "../codec/capability.ts";
import type { IpAddress } from "../wire/address.ts";
import { SetWord } from "./attribute-store.ts";
import { BgpExport, type BgpExportRules } from "./bgp-export.ts";
import { BlockEncoder } from "./block-encoder.ts";
import { Buckets } from "./buckets.ts";
import { DirtySet, PAGE_BITS, PAGE_MASK, Rows } from "./columns.ts";
import { type ExportUpdates, type ExportWithdraws, exportUpdates, exportWithdraws } from "./counters.ts";
import { ExportIndex } from "./export-index.ts";
import type { ExportedView } from "./exporter.ts";
import type { GroupMember } from "./group-member.ts";
import type { Limit } from "./limits.ts";
import { type AttrId, NO_ROUTE, type RouteSource, type Slot } from "./route.ts";
import type { RibCore } from "./sources.ts";
import type { TableFeed } from "./table.ts";
import { UpdateWriter, type WriterOptions } from "./update-writer.ts";

export interface GroupOptions extends BgpExportRules {
  readonly context: CodecContext;
  readonly afi: number;
  readonly safi: number;
  readonly addPath: boolean;
  /** Of the only member, if it has one. */
  readonly limit: Limit;
  readonly log: (text: string) => void;
}

/** Octets of one round of changes, and what they replaced, for members that leave the common way. */
export interface Batch {
  readonly octets: Uint8Array;
  readonly segments: Int32Array;
  /** Index, set and tag before, three numbers a change; only if there was more than one member. */
  readonly changes: Int32Array;
  /** Octets of all batches before it. */
  readonly start: number;
}

/** In a row of the Adj-RIB-Out, beside the source's number: the set goes out as it is. */
export const FINAL = 0x1_0000;
export const SOURCE = 0xffff;

export class UpdateGroup implements TableFeed {
  readonly key: string;
  readonly any: boolean;
  readonly options: GroupOptions;
  readonly export: BgpExport;
  readonly encoder: BlockEncoder;
  readonly writer: UpdateWriter;
  readonly index: ExportIndex;
  readonly core: RibCore;
  /** Adj-RIB-Out of the group: set and tag (source and FINAL), by index (the slot, but with add-path). */
  readonly out: Rows = new Rows(2);
  readonly members: Set<GroupMember> = new Set();
  /** Those of them that do not read the batches. */
  readonly alone: Set<GroupMember> = new Set();
  readonly updates: ExportUpdates = exportUpdates();
  readonly withdraws: ExportWithdraws = exportWithdraws();
  /** Of the accepted updates, those of a source's own routes: its peer does not get them. */
  readonly ownUpdates: Map<number, number> = new Map();
  readonly ownWithdraws: Map<number, number> = new Map();
  /** Octets of batches that a member may have before it; one with more goes alone. */
  patience: number = 1 << 20;
  /** Prefixes in the Adj-RIB-Out, and those of them that a source brought: its own peer does not get them. */
  size = 0;
  readonly bySource: Map<number, number> = new Map();
  readonly #dirty = new DirtySet();
  readonly #waiting = new Set<number>();
  readonly #batches: Batch[] = [];
  #firstBatch = 0;
  #octets = 0;
  readonly #byAddress = new Map<number | string, GroupMember>();
  /** Numbers of the members' sources. */
  readonly #bySource = new Set<number>();
  // One round of changes: indexes with new set and tag, old set and tag.
  readonly #round = new Int32Array(ROUND * 5);
  /** For members that go alone. */
  readonly buckets: Buckets = new Buckets(ROUND);
  readonly #buckets = new Buckets(ROUND);
  /** The set judged last, where the prefix does not matter, and what came of it. */
  #lastJudged = { attrs: 0, source: 0, set: 0, refused: false };
  #lastExcepted = { set: 0, tag: 0, except: 0 };
  readonly #oldEncoder: BlockEncoder;
  #scheduled = false;
  /** In this round some best route moved to another source. */
  #handovers = false;
  /** Some announced next hop was a member other than the route's own source. */
  #thirdParty = false;
  #comparison = { oldSet: 0, oldTag: 0, newSet: 0, newTag: 0, same: false };

  constructor(key: string, core: RibCore, options: GroupOptions) {
    this.key = key;
    this.core = core;
    this.options = options;
    this.any = options.addPath;
    this.export = new BgpExport(options);
    this.encoder = new BlockEncoder(this.export, options.context, core.attributes);
    this.#oldEncoder = new BlockEncoder(this.export, options.context, core.attributes);
    this.index = new ExportIndex(options.table, options.addPath);
    this.writer = new UpdateWriter(this.writerOptions());
    if (!this.export.rejectsAll) options.table.addFeed(this);
    for (let slot = 1; slot < options.table.prefixes.limit; slot++) {
      if (options.table.has(slot as Slot)) this.#enter(slot as Slot);
    }
  }

  writerOptions(): WriterOptions {
    const { table, afi, safi, addPath, context, extendedNextHop } = this.options;
    const classic = afi === 1 && safi === 1 && !extendedNextHop;
    return { prefixes: table.prefixes, afi, safi, addPath, classic, limit: context.extendedMessages ? 65535 : 4096 };
  }

  get end(): number {
    return this.#firstBatch + this.#batches.length;
  }

  get octets(): number {
    return this.#octets;
  }

  get hasWork(): boolean {
    return this.#dirty.size > 0;
  }

  batch(number: number): Batch | undefined {
    return this.#batches[number - this.#firstBatch];
  }

  join(member: GroupMember): void {
    this.members.add(member);
    this.#byAddress.set(member.address, member);
    this.#bySource.add(member.source.id);
    this.#lastExcepted.set = 0;
  }

  /** The last one turns off the light. */
  leave(member: GroupMember): void {
    this.members.delete(member);
    this.alone.delete(member);
    this.#byAddress.delete(member.address);
    this.#bySource.delete(member.source.id);
    this.#lastExcepted.set = 0;
    if (this.members.size === 0) this.#close();
    else this.trim();
  }

  mark(slot: Slot): void {
    const before = this.#dirty.size;
    this.#enter(slot);
    if (before === 0 && this.#dirty.size > 0) for (const member of this.members) member.wake();
  }

  /** The export limit was raised, or a prefix it counted is gone: those held back get another look. */
  release(): void {
    for (const index of this.#waiting) this.#dirty.add(index);
    this.#waiting.clear();
  }

  /** What the filter asked beside the routes has changed: all are judged again. */
  again(): void {
    this.release();
    const { table } = this.options;
    for (let slot = 1; slot < table.prefixes.limit; slot++) if (table.has(slot as Slot)) this.#enter(slot as Slot);
  }

  /** Set of an index in the Adj-RIB-Out. */
  set(index: number): AttrId {
    return this.out.get(index, 0) as AttrId;
  }

  tag(index: number): number {
    return this.out.get(index, 1);
  }

  /** Whether a member does not get a route: it is its own, or it is the next hop. */
  excludes(member: GroupMember, set: AttrId, tag: number): boolean {
    return (tag & SOURCE) === member.source.id || this.alsoExcepted(set, tag) === member.source.id;
  }

  /** Source of the member that a set's announced next hop is, beside the route's own source; 0 if none. */
  alsoExcepted(set: AttrId, tag: number): number {
    const last = this.#lastExcepted;
    if (last.set === set && last.tag === tag) return last.except;
    last.set = set;
    last.tag = tag;
    last.except = this.#nextHopMember(set, tag);
    if (last.except !== 0) this.#thirdParty = true;
    return last.except;
  }

  /** Judges and encodes a round of changes. @returns whether there is a new batch */
  flush(): boolean {
    const before = this.end;
    for (let rounds = 0; rounds < MOST_ROUNDS && this.#dirty.size > 0 && this.end === before; rounds++)
      this.#flushRound();
    // Much was judged and nothing came of it: the rest when others have had their turn.
    if (this.#dirty.size > 0 && this.end === before) this.#later();
    return this.end > before;
  }

  #later(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.core.env.wake({
      step: () => {
        this.#scheduled = false;
        if (this.members.size === 0) return false;
        this.flush();
        if (!this.#scheduled) for (const member of this.members) member.wake();
        return false;
      },
    });
  }

  /** Prefixes of the Adj-RIB-Out that a member gets. */
  countFor(member: GroupMember): number {
    let count = this.size - (this.bySource.get(member.source.id) ?? 0);
    if (!this.#thirdParty) return count;
    for (const rows of this.out.pages) {
      if (!rows) continue;
      for (let at = 0; at < rows.length; at += 2) {
        if (rows[at] !== 0 && this.alsoExcepted(rows[at]! as AttrId, rows[at + 1]!) === member.source.id) count--;
      }
    }
    return count;
  }

  /** Whether two sets look the same to a peer. */
  sameOctets(oldSet: AttrId, oldTag: number, newSet: AttrId, newTag: number): boolean {
    if (oldSet === newSet && (oldTag & FINAL) === (newTag & FINAL) && (oldTag & SOURCE) === (newTag & SOURCE))
      return true;
    // Sets whose paths differ in length differ on the wire: most changes are of that kind.
    if (((oldTag ^ newTag) & FINAL) === 0 && this.#pathWord(oldSet) !== this.#pathWord(newSet)) return false;
    const last = this.#comparison;
    if (last.oldSet === oldSet && last.oldTag === oldTag && last.newSet === newSet && last.newTag === newTag)
      return last.same;
    const same = this.#compare(oldSet, oldTag, newSet, newTag);
    this.#comparison = { oldSet, oldTag, newSet, newTag, same };
    return same;
  }

  #pathWord(set: AttrId): number {
    return this.core.attributes.word(set, SetWord.Path) & PATH_AND_ORIGIN;
  }

  sourceOf(tag: number): RouteSource | undefined {
    return this.core.sources[tag & SOURCE];
  }

  /** The route the peers get for a slot, and why they do not get one. */
  view(slot: Slot, member: GroupMember): ExportedView {
    const { table } = this.options;
    const attrs = table.bestAttrs(slot);
    if (attrs === 0) return { verdict: "not eligible", reason: "no route" };
    const source = this.core.sources[table.bestSource(slot)]!;
    if (source.id === member.source.id) return { verdict: "not eligible", reason: "learned from this neighbor" };
    const reason = this.export.refuse(attrs, source);
    if (reason !== undefined) return { verdict: "not eligible", reason };
    const attributes = this.export.filtered(slot, attrs, source);
    if (!attributes) return { verdict: "rejected" };
    if (this.#waiting.has(slot))
      return { verdict: "not eligible", attributes, reason: "held back by the export limit" };
    return { verdict: "exported", attributes };
  }

  /** Forgets batches that all have read. */
  trim(): void {
    let first = this.end;
    for (const member of this.members) first = Math.min(first, member.position);
    while (this.#firstBatch < first) {
      this.#letGo(this.#batches.shift()!.changes);
      this.#firstBatch++;
    }
  }

  /** What a batch replaced is not needed any more: sets, and prefixes that may be gone since. */
  #letGo(changes: Int32Array): void {
    for (let i = 0; i < changes.length; i += 3) {
      if (changes[i + 1] !== 0) this.core.attributes.release(changes[i + 1]! as AttrId);
      this.index.release(changes[i]!);
    }
  }

  #enter(slot: Slot): void {
    if (!this.options.addPath) {
      this.#dirty.add(slot);
      return;
    }
    for (const index of this.index.indexesOf(slot)) this.#dirty.add(index);
  }

  #flushRound(): void {
    const r = this.#round;
    let count = 0;
    this.#lastJudged.attrs = 0;
    this.#handovers = false;
    while (count < ROUND && this.#dirty.size > 0) {
      const index = this.#dirty.take();
      if (!this.index.isKnown(index)) continue;
      const oldSet = this.out.get(index, 0);
      const oldTag = this.out.get(index, 1);
      const newSet = this.#judge(index, oldSet !== 0);
      const newTag = newSet === 0 ? 0 : this.#newTag;
      if (oldSet === newSet && oldTag === newTag) {
        if (newSet === 0) this.index.forget(index);
        continue;
      }
      const at = count++ * 5;
      r[at] = index;
      r[at + 1] = newSet;
      r[at + 2] = newTag;
      r[at + 3] = oldSet;
      r[at + 4] = oldTag;
      this.#install(index, newSet as AttrId, newTag, oldSet as AttrId, oldTag);
    }
    if (count > 0) this.#encode(count);
  }

  #newTag = 0;

  /** The set to go out for an index, with its tag in `#newTag`. */
  #judge(index: number, isOut: boolean): AttrId {
    const { table, limit } = this.options;
    const slot = this.index.slotOf(index);
    const attrs = this.options.addPath ? this.index.attrsOf(index) : table.bestAttrs(slot);
    if (attrs === 0) {
      this.withdraws.received++;
      return NO_ROUTE;
    }
    const sourceId = this.options.addPath ? this.index.sourceOf(index) : table.bestSource(slot);
    this.updates.received++;
    const last = this.#lastJudged;
    if (last.attrs !== attrs || last.source !== sourceId || !this.export.isSteady) {
      const source = this.core.sources[sourceId]!;
      last.attrs = attrs;
      last.source = sourceId;
      last.set = this.export.judge(slot, attrs, source);
      last.refused = last.set === 0 && this.export.refuse(attrs, source) !== undefined;
    }
    const set = last.set as AttrId;
    if (set === 0) {
      if (last.refused) this.updates.rejected++;
      else this.updates.filtered++;
      return set;
    }
    this.#newTag = sourceId | (set === attrs ? 0 : FINAL);
    if (limit.options && !isOut && !limit.admits(this.size)) {
      this.updates.rejected++;
      this.#waiting.add(index);
      this.core.attributes.hold(set);
      this.core.attributes.release(set);
      return NO_ROUTE;
    }
    this.#waiting.delete(index);
    return set;
  }

  #install(index: number, newSet: AttrId, newTag: number, oldSet: AttrId, oldTag: number): void {
    const { attributes } = this.core;
    const page = this.out.touch(index);
    const at = (index & PAGE_MASK) * 2;
    if (newSet !== 0) {
      attributes.hold(newSet);
      this.#count(newTag & SOURCE, 1);
      if (oldSet === 0) {
        this.index.hold(index);
        this.size++;
      }
    }
    page[at] = newSet;
    page[at + 1] = newTag;
    if (oldSet === 0) return;
    this.#count(oldTag & SOURCE, -1);
    if (newSet !== 0 && (this.#thirdParty || (newTag !== oldTag && this.#isMembers(oldTag, newTag))))
      this.#handovers = true;
    if (newSet === 0) {
      this.size--;
      page[at + 1] = 0;
      this.#admitOne();
    }
    // The old set stays held until the round is encoded.
  }

  /** There is room under the export limit: one that waits gets another look. */
  #admitOne(): void {
    for (const index of this.#waiting) {
      this.#waiting.delete(index);
      this.#dirty.add(index);
      return;
    }
  }

  /** Whether one of two routes is a member's own. */
  #isMembers(oldTag: number, newTag: number): boolean {
    return this.#bySource.has(oldTag & SOURCE) || this.#bySource.has(newTag & SOURCE);
  }

  #count(source: number, by: number): void {
    this.bySource.set(source, (this.bySource.get(source) ?? 0) + by);
  }

  #encode(count: number): void {
    const { writer } = this;
    const r = this.#round;
    writer.begin();
    this.#writeWithdrawals(count);
    this.#fillBuckets(count);
    for (let i = 0; i < this.#buckets.size; i++) this.#writeBucket(this.#buckets.first(i));
    if (this.#handovers) this.#writeHandovers(count);
    const { octets, segments } = writer.finish();
    const shared = this.members.size > 1;
    const changes = new Int32Array(shared ? count * 3 : 0);
    for (let i = 0; i < count; i++) {
      const at = i * 5;
      const [index, newSet, oldSet, oldTag] = [r[at]!, r[at + 1]!, r[at + 3]! as AttrId, r[at + 4]!];
      for (const member of this.alone) member.changed(index, oldSet, oldTag);
      if (shared) {
        changes[i * 3] = index;
        changes[i * 3 + 1] = oldSet;
        changes[i * 3 + 2] = oldTag;
        this.index.hold(index);
      } else if (oldSet !== 0) this.core.attributes.release(oldSet);
      if (oldSet !== 0 && newSet === 0) this.index.release(index);
    }
    if (octets.length === 0) {
      this.#letGo(changes);
      return;
    }
    this.#batches.push({ octets, segments, changes, start: this.#octets });
    this.#octets += octets.length;
    for (const member of this.members) member.batchAdded();
    this.trim();
  }

  #writeWithdrawals(count: number): void {
    const r = this.#round;
    for (let i = 0; i < count; i++) {
      const at = i * 5;
      if (r[at + 1] !== 0 || r[at + 3] === 0) continue;
      this.withdraws.accepted++;
      const sourceId = r[at + 4]! & SOURCE;
      this.ownWithdraws.set(sourceId, (this.ownWithdraws.get(sourceId) ?? 0) + 1);
      const alsoExcept = this.alsoExcepted(r[at + 3]! as AttrId, r[at + 4]!);
      this.writer.audience({ only: 0, except: r[at + 4]! & SOURCE, alsoExcept });
      this.writer.withdraw(this.index.slotOf(r[at]!), this.index.pathOf(r[at]!));
    }
  }

  /** Puts the announcements of a round together by set and tag, in the order of the first of each. */
  #fillBuckets(count: number): void {
    const r = this.#round;
    this.#buckets.clear();
    for (let i = 0; i < count; i++) {
      const at = i * 5;
      if (r[at + 1] === 0) continue;
      if (r[at + 3] !== 0 && this.sameOctets(r[at + 3]! as AttrId, r[at + 4]!, r[at + 1]! as AttrId, r[at + 2]!))
        continue;
      this.#buckets.add(i, r[at + 1]!, r[at + 2]!);
    }
  }

  #writeBucket(first: number): void {
    const r = this.#round;
    const set = r[first * 5 + 1]! as AttrId;
    const tag = r[first * 5 + 2]!;
    const source = this.sourceOf(tag);
    const fits = source !== undefined && this.encoder.encode(set, source, (tag & FINAL) !== 0);
    this.writer.audience({ only: 0, except: tag & SOURCE, alsoExcept: this.alsoExcepted(set, tag) });
    if (!fits || !this.writer.attributes(this.encoder)) {
      this.#tooLarge(first);
      return;
    }
    const before = this.updates.accepted;
    for (let i = first; i >= 0; i = this.#buckets.next(i)) {
      this.updates.accepted++;
      const index = r[i * 5]!;
      this.writer.announce(this.index.slotOf(index), this.index.pathOf(index), this.encoder);
    }
    const sourceId = tag & SOURCE;
    this.ownUpdates.set(sourceId, (this.ownUpdates.get(sourceId) ?? 0) + this.updates.accepted - before);
  }

  /** What no message can hold is withdrawn where the peers have something older (RFC 8654 §5). */
  #tooLarge(first: number): void {
    const r = this.#round;
    this.options.log(`Attribute list too long, ${this.#describe(r[first * 5]!)} not sent`);
    for (let i = first; i >= 0; i = this.#buckets.next(i)) {
      const index = r[i * 5]!;
      if (r[i * 5 + 3] !== 0) this.writer.withdraw(this.index.slotOf(index), this.index.pathOf(index));
    }
  }

  #describe(index: number): string {
    const { w0, length } = this.options.table.prefixes.net(this.index.slotOf(index));
    return `prefix ${(w0 >>> 24) & 255}.${(w0 >>> 16) & 255}.../${length}`;
  }

  /** A prefix whose best route moved from one member to another: the new one loses what it was sent, the old one gets it. */
  #writeHandovers(count: number): void {
    const r = this.#round;
    for (let i = 0; i < count; i++) {
      const at = i * 5;
      const [index, newSet, newTag, oldSet, oldTag] = [
        r[at]!,
        r[at + 1]! as AttrId,
        r[at + 2]!,
        r[at + 3]! as AttrId,
        r[at + 4]!,
      ];
      if (newSet === 0 || oldSet === 0) continue;
      const before = [oldTag & SOURCE, this.alsoExcepted(oldSet, oldTag)];
      const after = [newTag & SOURCE, this.alsoExcepted(newSet, newTag)];
      for (const only of after) {
        if (only === 0 || before.includes(only)) continue;
        this.writer.audience({ only, except: 0, alsoExcept: 0 });
        this.writer.withdraw(this.index.slotOf(index), this.index.pathOf(index));
      }
      if (!this.sameOctets(oldSet, oldTag, newSet, newTag)) continue;
      for (const only of before) {
        if (only === 0 || after.includes(only)) continue;
        const source = this.sourceOf(newTag);
        if (!source || !this.encoder.encode(newSet, source, (newTag & FINAL) !== 0)) continue;
        this.writer.audience({ only, except: 0, alsoExcept: 0 });
        if (this.writer.attributes(this.encoder)) {
          this.writer.announce(this.index.slotOf(index), this.index.pathOf(index), this.encoder);
        }
      }
    }
  }

  #compare(oldSet: AttrId, oldTag: number, newSet: AttrId, newTag: number): boolean {
    const oldSource = this.sourceOf(oldTag);
    const newSource = this.sourceOf(newTag);
    if (!oldSource || !newSource) return false;
    const a = this.#oldEncoder;
    const b = this.encoder;
    if (!a.encode(oldSet, oldSource, (oldTag & FINAL) !== 0)) return false;
    if (!b.encode(newSet, newSource, (newTag & FINAL) !== 0)) return false;
    if (a.length !== b.length || a.nextHop.length !== b.nextHop.length) return false;
    for (let i = 0; i < a.length; i++) if (a.octets[i] !== b.octets[i]) return false;
    for (let i = 0; i < a.nextHop.length; i++) if (a.nextHop[i] !== b.nextHop[i]) return false;
    return true;
  }

  #nextHopMember(set: AttrId, tag: number): number {
    const { attributes } = this.core;
    const origin = this.sourceOf(tag)?.via?.origin.id ?? 0;
    if (origin !== 0 && this.#bySource.has(origin)) return origin; // its own route, come through a pipe
    const entry = attributes.nextHops.get(attributes.word(set, SetWord.NextHop));
    const member = entry && this.#byAddress.get(addressKey(entry.address));
    if (!entry || !member || member.source.id === (tag & SOURCE)) return 0;
    const source = this.sourceOf(tag);
    const own = (tag & FINAL) === 0 && source && this.export.nextHopMode(source, entry.address, false) === "self";
    return own ? 0 : member.source.id;
  }

  #close(): void {
    this.options.table.removeFeed(this);
    this.#firstBatch = this.end;
    for (const batch of this.#batches) this.#letGo(batch.changes);
    this.#batches.length = 0;
    for (const [number, page] of this.out.pages.entries()) {
      if (!page) continue;
      for (let at = 0; at < page.length; at += 2) {
        if (page[at] === 0) continue;
        this.core.attributes.release(page[at]! as AttrId);
        this.index.release((number << PAGE_BITS) + (at >>> 1));
      }
    }
    this.out.clear();
    this.#dirty.clear();
    this.size = 0;
  }
}

/** The update groups of a speaker, by what their members have in common. */
export class UpdateGroups {
  readonly #core: RibCore;
  readonly #groups = new Map<string, UpdateGroup>();

  constructor(core: RibCore) {
    this.#core = core;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** The group of this key, made if it is the first of its kind. */
  find(key: string, options: () => GroupOptions): UpdateGroup {
    let group = this.#groups.get(key);
    if (!group) {
      group = new UpdateGroup(key, this.#core, options());
      this.#groups.set(key, group);
    }
    return group;
  }

  leave(group: UpdateGroup, member: GroupMember): void {
    group.leave(member);
    if (group.members.size === 0) this.#groups.delete(group.key);
  }
}

/** An address to look members up by. */
export function addressKey({ family, w0, w1, w2, w3 }: IpAddress): number | string {
  return family === 4 ? w0 : `${w0},${w1},${w2},${w3}`;
}

/** Changes judged and encoded together: the packing of a feed depends on it, and the length of a turn. */
const ROUND = 2048;
const MOST_ROUNDS = 8;
const PATH_AND_ORIGIN = 0x3_ffff;
