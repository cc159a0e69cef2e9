/** Stands for the airline's API: posts flights over HTTP, in order, and repeats a request that got no answer. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Flight } from "../../flows/flights/flight.ts";

const PER_REQUEST = 500;
const RETRY_MS = 100;

export class LiveSender {
  readonly #url: string;
  readonly #flights: readonly Flight[];
  #sent = 0;
  #retries = 0;
  /** Documents that may be sent by now. */
  #allowed = 0;

  constructor(url: string, flights: readonly Flight[]) {
    this.#url = url;
    this.#flights = flights;
  }

  get sent(): number {
    return this.#sent;
  }

  get retries(): number {
    return this.#retries;
  }

  /** Sends up to this many at once. */
  async burst(until: number): Promise<void> {
    this.#allowed = Math.min(until, this.#flights.length);
    while (this.#sent < this.#allowed) await this.#sendNext();
  }

  /** Sends up to this many at a steady rate. */
  async trickle(perSecond: number, until: number): Promise<void> {
    while (this.#sent < until) {
      const started = Date.now();
      await this.burst(Math.min(until, this.#sent + PER_REQUEST));
      await sleep(Math.max(0, (1000 * PER_REQUEST) / perSecond - (Date.now() - started)));
    }
  }

  async #sendNext(): Promise<void> {
    const first = this.#sent;
    const batch = this.#flights.slice(first, Math.min(first + PER_REQUEST, this.#allowed));
    const body = batch
      .map((flight, i) => `${JSON.stringify({ id: `live-${first + i}`, ...flight })}\n`)
      .join("");
    // The same key with every repeat: a request that was stored and not answered is not stored again.
    const headers = { "content-type": "application/x-ndjson", "idempotency-key": `flights-${first}` };
    for (;;) {
      const response = await fetch(this.#url, { method: "POST", headers, body }).catch(() => undefined);
      if (response?.status === 200) break;
      if (response && response.status < 500 && response.status !== 429) {
        throw new Error(`${response.status}: ${await response.text()}`);
      }
      this.#retries++;
      await sleep(RETRY_MS);
    }
    this.#sent += batch.length;
  }
}
