import type { Arrival, Head, JournalId } from "../head/head.ts";

/** What is known of a source at the end of a round. */
export interface WaitingSource {
  readonly view: { readonly collection: string };
  /** Read delay, µs. */
  readonly delay: number;
  /** The clock at which the first document that waits for its delay is due, µs since 1970; Infinity if none waits. */
  readonly release: number;
}

/** The longest that a timer can be set for is 2^31 - 1 ms. */
const LONGEST_WAIT_MS = 2 ** 30;

/** Waits until a further round may find documents: until a commit, or until a document has waited for its read delay. */
export class CommitWait {
  readonly #head: Head;
  /** By collections. One that a timer was faster than is used again: the head keeps it until a commit. */
  readonly #commits = new Map<string, Promise<Arrival>>();

  constructor(head: Head) {
    this.#head = head;
  }

  /**
   * `clock` is that of the round, `ends` what was read up to. Where a commit ended the wait, what it left: the next round need not ask
   * for it. Returns early where the signal aborts.
   */
  async until(
    clock: number,
    sources: readonly WaitingSource[],
    ends: Readonly<Record<JournalId, number>>,
    signal: AbortSignal,
  ): Promise<Arrival | undefined> {
    const release = sources.reduce(
      (first, source) => Math.min(first, source.release),
      Number.POSITIVE_INFINITY,
    );
    // What is committed from now on is due after its delay: of the others nothing can be before the release.
    const early = sources.filter(({ delay }) => clock + delay < release);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const onAbort = () => resolve(undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort(); // the event has passed
    const ms = Math.min(Math.max(Math.ceil((release - clock) / 1000), 1), LONGEST_WAIT_MS);
    const timer = release === Number.POSITIVE_INFINITY ? undefined : setTimeout(onAbort, ms);
    const waits: Promise<Arrival | undefined>[] = [promise];
    if (early.length > 0) waits.push(this.#commit(early, clock, ends));
    try {
      return await Promise.race(waits);
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    }
  }

  #commit(
    sources: readonly WaitingSource[],
    clock: number,
    ends: Readonly<Record<JournalId, number>>,
  ): Promise<Arrival> {
    const collections = [...new Set(sources.map(({ view }) => view.collection))];
    const name = JSON.stringify(collections);
    const known = this.#commits.get(name);
    if (known) return known;
    const commit = this.#head.waitPast(collections, clock, ends).finally(() => this.#commits.delete(name));
    commit.catch(() => {}); // after an abort no one waits for it any more
    this.#commits.set(name, commit);
    return commit;
  }
}
