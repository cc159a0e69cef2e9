import type { Json } from "../../plan/plan.ts";
import type { CaptureContext, CapturedBatch } from "../driver.ts";

/** Appends that are under way at once: one is committed while the next is read. */
const LIMIT = 2;

/** Keeps a bounded number of appends under way, so that a slow head slows reading down. */
export class AppendWindow {
  readonly #append: CaptureContext["append"];
  readonly #pending: Promise<void>[] = [];

  constructor(append: CaptureContext["append"]) {
    this.#append = append;
  }

  /** Resolves when another may follow. Rejects with the failure of an earlier one; nothing is appended then. */
  async push(batch: CapturedBatch, cursor: Json): Promise<void> {
    while (this.#pending.length >= LIMIT) await this.#settleOldest();
    const append = this.#append(batch, cursor);
    // Its failure is reported when it is waited for.
    append.catch(() => {});
    this.#pending.push(append);
  }

  /** Resolves when all are on disk. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#settleOldest();
  }

  async #settleOldest(): Promise<void> {
    await this.#pending[0];
    this.#pending.shift();
  }
}
