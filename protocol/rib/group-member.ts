/**
 * One peer's place in its update group. On the common way it reads the group's batches; while it is fed the whole table,
 * or has fallen behind, it goes alone: for each prefix that changes meanwhile it remembers what it was sent last, and
 * catches up from the group's Adj-RIB-Out when its socket takes more. So a stuck peer costs a row a prefix at most.
 */
import type { IpAddress } from "../wire/address.ts";
import { DirtySet, PAGE_MASK, Rows } from "./columns.ts";
import type { AttrId, RouteSource } from "./route.ts";
import { addressKey, FINAL, SOURCE, type UpdateGroup } from "./update-group.ts";

export class GroupMember {
  readonly group: UpdateGroup;
  readonly source: RouteSource;
  /** As the group compares next hops with. */
  readonly address: number | string;
  readonly wake: () => void;
  /** Next batch to read; Infinity while it goes alone. */
  position: number = Number.POSITIVE_INFINITY;
  /** In that batch: the next segment. */
  #segment = 0;
  /** Going alone: first index not yet fed; 0 when the feed is done. */
  #feedAt = 0;
  /** The feed is for a peer that has the routes and wants them again. */
  #refresh = false;
  readonly #dirty = new DirtySet();
  /** By index, of those in `#dirty`: set and tag that the peer has; set NOTHING: it has none. */
  readonly #sent = new Rows(2);
  #rest: Uint8Array[] = [];
  /** To be written when the feed is through: End-of-RIB, EoRR. */
  #afterFeed: Uint8Array | undefined;
  /** Another feed was asked for meanwhile. */
  #again: { before: Uint8Array | undefined; after: Uint8Array | undefined } | undefined;
  /** It comes from another group: what it was sent there must not be judged before this group knows its own. */
  #moving = false;

  constructor(group: UpdateGroup, source: RouteSource, address: IpAddress, wake: () => void) {
    this.group = group;
    this.source = source;
    this.address = addressKey(address);
    this.wake = wake;
    group.join(this);
    group.alone.add(this);
  }

  /** On its own way, not reading the group's batches. */
  get isAlone(): boolean {
    return this.position === Number.POSITIVE_INFINITY;
  }

  /** Feeds a new peer the whole Adj-RIB-Out. @param after to be written behind it */
  feed(after: Uint8Array | undefined): void {
    this.#feedAt = 1;
    this.#refresh = false;
    this.#afterFeed = after;
  }

  /** Feeds a peer that has the routes once more; while that runs, one more request is kept (RFC 2918). */
  refresh(before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    if (this.#feedAt > 0 || this.#afterFeed) {
      this.#again = { before, after };
      return;
    }
    if (!this.isAlone) this.#goAlone();
    if (before) this.#rest.push(before);
    this.#feedAt = 1;
    this.#refresh = true;
    this.#afterFeed = after;
  }

  /** The same peer comes over from a group whose rules have changed: only the differences are sent. */
  take(other: GroupMember, sameRules: boolean): void {
    this.#moving = true;
    this.#rest = other.#rest;
    other.#rest = [];
    if (!other.isAlone) other.#goAlone();
    this.#rest.push(...other.#rest);
    const { out } = other.group;
    const limit = Math.max(out.pages.length, other.#sent.pages.length) * (PAGE_MASK + 1);
    for (let index = 1; index < limit; index++) {
      const waiting = other.#dirty.has(index);
      if (!waiting && other.#feedAt > 0 && index >= other.#feedAt && !other.#refresh) continue; // not fed yet
      const set = (waiting ? other.#sent.get(index, 0) : out.get(index, 0)) as AttrId;
      if (set === 0 || (set as number) === NOTHING) continue;
      const tag = waiting ? other.#sent.get(index, 1) : out.get(index, 1);
      if (waiting || !other.group.excludes(other, set, tag))
        this.#remember(index, set, sameRules ? tag : tag | CHANGED, true);
    }
    for (const [page, rows] of this.group.out.pages.entries()) {
      if (!rows) continue;
      for (let at = 0; at < rows.length; at += 2) {
        const index = page * (PAGE_MASK + 1) + (at >>> 1);
        if (rows[at] !== 0 && !this.#dirty.has(index)) this.#remember(index, 0 as AttrId, 0, false);
      }
    }
    if (other.#afterFeed) this.#afterFeed = other.#afterFeed;
  }

  /** Octets to write next, whole messages; undefined: nothing now. */
  pull(budget: number): Uint8Array | undefined {
    const { group } = this;
    for (;;) {
      const rest = this.#rest.shift();
      if (rest) return rest;
      if (this.isAlone) {
        group.flush();
        if (this.#moving && group.hasWork) return undefined; // the group wakes us when it is through
        this.#moving = false;
        const octets = this.#pullAlone(budget);
        if (octets || this.isAlone) return octets;
        continue;
      }
      const octets = this.#read(budget) ?? (group.flush() ? this.#read(budget) : undefined);
      if (octets) return octets;
      if (group.hasWork || this.group.batch(this.position)) return undefined;
      if (!this.#endFeed()) return undefined;
    }
  }

  /** Everything is out: what was to follow the feed follows. @returns whether there is something to write now */
  #endFeed(): boolean {
    if (this.#afterFeed) this.#rest.push(this.#afterFeed);
    this.#afterFeed = undefined;
    const again = this.#again;
    this.#again = undefined;
    if (again) this.refresh(again.before, again.after);
    return this.#rest.length > 0 || again !== undefined;
  }

  /** The group is about to replace what it announced for an index. */
  changed(index: number, oldSet: AttrId, oldTag: number): void {
    if (!this.isAlone || this.#dirty.has(index)) return;
    if (this.#feedAt > 0 && index >= this.#feedAt && !this.#refresh) return; // the feed will come by
    this.#remember(index, oldSet, oldTag, this.#gets(oldSet, oldTag));
  }

  /** A batch was added: one who is too far behind leaves the common way. */
  batchAdded(): void {
    if (this.isAlone) return;
    const batch = this.group.batch(this.position);
    if (batch && this.group.octets - batch.start > this.group.patience && this.position < this.group.end - 1)
      this.#goAlone();
  }

  close(): void {
    this.#forgetAll();
    this.#rest = [];
  }

  /** Prefixes that the peer has, or will have when it has read all. */
  get count(): number {
    return this.group.countFor(this);
  }

  /** Prefixes that wait for the peer to take them. */
  get pending(): number {
    return this.#dirty.size;
  }

  /** @param alone not beyond the batch it is in */
  #read(budget: number, alone = false): Uint8Array | undefined {
    const { group } = this;
    for (let batch = group.batch(this.position); batch; batch = group.batch(this.position)) {
      const { octets, segments } = batch;
      while (this.#segment < segments.length && !this.#isForMe(segments, this.#segment)) this.#segment += 4;
      if (this.#segment >= segments.length) {
        this.#advance();
        if (alone) return undefined;
        continue;
      }
      const start = this.#segment === 0 ? 0 : segments[this.#segment - 4]!;
      let end = start;
      while (this.#segment < segments.length && this.#isForMe(segments, this.#segment)) {
        end = segments[this.#segment]!;
        this.#segment += 4;
        if (end - start >= budget) break;
      }
      if (this.#segment >= segments.length) this.#advance();
      if (end > start) return octets.subarray(start, end);
    }
    return undefined;
  }

  #advance(): void {
    this.position++;
    this.#segment = 0;
    this.group.trim();
  }

  #isForMe(segments: Int32Array, at: number): boolean {
    const { id } = this.source;
    const only = segments[at + 1]!;
    return only !== 0 ? only === id : segments[at + 2] !== id && segments[at + 3] !== id;
  }

  /** Takes what is left of the batch it is in along, and remembers what the batches behind it change. */
  #goAlone(): void {
    const { group } = this;
    let number = this.position;
    if (this.#segment > 0) {
      while (this.position === number && group.batch(number)) {
        const octets = this.#read(Number.POSITIVE_INFINITY, true);
        if (octets) this.#rest.push(octets);
      }
      number++;
    }
    this.position = Number.POSITIVE_INFINITY;
    this.#segment = 0;
    group.alone.add(this);
    for (let batch = group.batch(number); batch; batch = group.batch(++number)) {
      const { changes } = batch;
      for (let i = 0; i < changes.length; i += 3) {
        const [index, set, tag] = [changes[i]!, changes[i + 1]! as AttrId, changes[i + 2]!];
        if (!this.#dirty.has(index)) this.#remember(index, set, tag, this.#gets(set, tag));
      }
    }
    group.trim();
  }

  #gets(set: AttrId, tag: number): boolean {
    return set !== 0 && !this.group.excludes(this, set, tag);
  }

  #remember(index: number, set: AttrId, tag: number, has: boolean): void {
    const page = this.#sent.touch(index);
    const at = (index & PAGE_MASK) * 2;
    page[at] = has ? set : NOTHING;
    page[at + 1] = tag;
    if (has) this.group.core.attributes.hold(set);
    this.group.index.hold(index);
    this.#dirty.add(index);
  }

  /** Catches up: withdrawals, changes, then the feed. */
  #pullAlone(budget: number): Uint8Array | undefined {
    const { writer } = this.group;
    writer.begin();
    this.#catchUp(budget);
    if (this.#dirty.size === 0 && this.#feedAt > 0) this.#feed(budget);
    const { octets } = writer.finish();
    if (this.#dirty.size === 0 && this.#feedAt === 0) this.#rejoin();
    if (octets.length > 0) return octets;
    return undefined;
  }

  #rejoin(): void {
    this.#sent.clear();
    this.#dirty.clear();
    this.position = this.group.end;
    this.#segment = 0;
    this.group.alone.delete(this);
  }

  #catchUp(budget: number): void {
    const { group } = this;
    const announce: number[] = [];
    while (this.#dirty.size > 0 && announce.length < ROUND && this.group.writer.length < budget) {
      const index = this.#dirty.take();
      const page = this.#sent.touch(index);
      const at = (index & PAGE_MASK) * 2;
      const sent = page[at]!;
      const sentTag = page[at + 1]!;
      page[at] = 0;
      const set = group.set(index);
      const tag = group.tag(index);
      if (set === 0 || group.excludes(this, set, tag)) {
        if (sent > 0) this.group.writer.withdraw(group.index.slotOf(index), group.index.pathOf(index));
      } else if (
        sent === NOTHING ||
        (sentTag & CHANGED) !== 0 ||
        !group.sameOctets(sent as AttrId, sentTag, set, tag)
      ) {
        announce.push(index);
      }
      if (sent > 0) group.core.attributes.release(sent as AttrId);
      group.index.release(index);
    }
    this.#announce(announce);
  }

  #feed(budget: number): void {
    const { group } = this;
    const limit = group.out.pages.length * (PAGE_MASK + 1);
    const announce: number[] = [];
    while (this.#feedAt < limit && this.group.writer.length < budget) {
      announce.length = 0;
      while (this.#feedAt < limit && announce.length < FEED_ROUND) {
        const index = this.#feedAt++;
        if (group.out.pages[index >>> 12] === undefined) {
          this.#feedAt = (index | PAGE_MASK) + 1;
          continue;
        }
        const set = group.set(index);
        if (set !== 0 && !group.excludes(this, set, group.tag(index))) announce.push(index);
      }
      this.#announce(announce);
    }
    if (this.#feedAt < limit) return;
    this.#feedAt = 0;
    this.#refresh = false;
  }

  /** Packs prefixes by set and writes them. */
  #announce(indexes: readonly number[]): void {
    const { group } = this;
    const { buckets } = group;
    buckets.clear();
    for (let i = 0; i < indexes.length; i++) buckets.add(i, group.set(indexes[i]!), group.tag(indexes[i]!));
    for (let bucket = 0; bucket < buckets.size; bucket++) {
      const first = indexes[buckets.first(bucket)]!;
      const tag = group.tag(first);
      const source = group.core.sources[tag & SOURCE];
      if (!source || !group.encoder.encode(group.set(first), source, (tag & FINAL) !== 0)) continue;
      const fits = this.group.writer.attributes(group.encoder);
      for (let i = buckets.first(bucket); i >= 0; i = buckets.next(i)) {
        const index = indexes[i]!;
        const [slot, path] = [group.index.slotOf(index), group.index.pathOf(index)];
        if (fits) this.group.writer.announce(slot, path, group.encoder);
        else this.group.writer.withdraw(slot, path); // no message can hold it: it was said when the group first tried
      }
    }
  }

  #forgetAll(): void {
    while (this.#dirty.size > 0) {
      const index = this.#dirty.take();
      const sent = this.#sent.get(index, 0);
      if (sent > 0) this.group.core.attributes.release(sent as AttrId);
      this.group.index.release(index);
    }
    this.#sent.clear();
  }
}

/** In the tag of what was sent: under other rules, so that equal sets may look different. */
const CHANGED = 0x2_0000;
/** In `#sent`: the peer has nothing for this prefix. */
const NOTHING = -1;
const ROUND = 2048;
const FEED_ROUND = 512;
