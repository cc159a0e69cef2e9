import type { Json } from "../../plan/plan.ts";
import type { CaptureContext, CapturedBatch } from "../driver.ts";

/**
 * One append under way, while the next batch is read; so a slow head slows reading down. Never two: were the first
 * refused and the second not, the second's cursor would pass over the first's rows.
 */
export class AppendWindow {
  readonly #append: CaptureContext["append"];
  #pending: Promise<void> | undefined;

  constructor(append: CaptureContext["append"]) {
    this.#append = append;
  }

  /** Resolves when the append has begun. Rejects with the failure of an earlier one; nothing is appended then. */
  async push(batch: CapturedBatch, cursor: Json): Promise<void> {
    await this.#pending;
    this.#pending = this.#append(batch, cursor);
    // Its failure is reported when it is waited for.
    this.#pending.catch(() => {});
  }

  /** Resolves when all is on disk. */
  async drain(): Promise<void> {
    await this.#pending;
  }
}
