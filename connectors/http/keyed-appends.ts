import type { Json } from "../../plan/plan.ts";
import type { CaptureContext, CapturedBatch } from "../driver.ts";
import { type KeyedRequest, RepeatedRequests } from "./idempotency.ts";

export type KeyedAnswer =
  | { readonly kind: "accepted"; readonly accepted: number }
  | { readonly kind: "conflict" };

/**
 * Appends requests that carry an idempotency key, each once. One after the other: the cursor of each names the keys
 * before it, and were one of those refused while its successor was stored, its repeat would be taken for stored.
 */
export class KeyedAppends {
  readonly #requests: RepeatedRequests;
  readonly #append: (batch: CapturedBatch, cursor: Json) => Promise<void>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: CaptureContext) {
    this.#requests = new RepeatedRequests(context.cursor);
    this.#append = (batch, cursor) => context.append(batch, cursor);
  }

  /** Rejects as `append` does. */
  append(request: KeyedRequest, batch: CapturedBatch): Promise<KeyedAnswer> {
    const answer = this.#last.then(() => this.#appendNow(request, batch));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #appendNow(request: KeyedRequest, batch: CapturedBatch): Promise<KeyedAnswer> {
    const recognised = this.#requests.recognise(request);
    switch (recognised.kind) {
      case "conflict":
        return recognised;
      case "repeat":
        return { kind: "accepted", accepted: recognised.accepted };
      case "new": {
        const append = (cursor: Json) => this.#append(batch, cursor);
        return {
          kind: "accepted",
          accepted: await this.#requests.store(request, batch.count, append),
        };
      }
    }
  }
}
