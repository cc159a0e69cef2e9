/** Documents of one journal that share a commit time, with neighbouring offsets. */
export interface Run {
  /** Offset of the first document. */
  readonly first: number;
  readonly count: number;
  /** Commit time, µs since 1970 UTC. Never decreases along a journal. */
  readonly at: number;
  /**
   * NDJSON, `count` lines, each ended by "\n", without offset and time. A removal's line is the key fields and,
   * last, `"_meta":{"removed":true}`.
   */
  readonly lines: Uint8Array;
}
