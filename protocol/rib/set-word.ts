/** How an attribute set stands in the columns of the AttributeStore. */

/** Words of a set's row. */
export const SetWord = {
  Hash: 0,
  At: 1,
  /** Octets in the low 20 bits, the number of its context above. */
  Length: 2,
  References: 3,
  LocalPref: 4,
  Med: 5,
  /** AS_PATH length in the low 16 bits, then ORIGIN (2 bits), then the length of CLUSTER_LIST (8 bits). */
  Path: 6,
  FirstAs: 7,
  NextHop: 8,
  Extra: 9,
  Originator: 10,
  Flags: 11,
  /** Changes whenever the row gets another set: what is remembered of a set holds while it stays. */
  Serial: 12,
} as const;
export const SET_STRIDE = 13;
