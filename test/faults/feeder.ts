import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Owner, owner, type Transfer, transfer } from "./bank.ts";

const PER_REQUEST = 20;
const OWNERS_PER_FILE = 3;
const RETRY_MS = 25;

/** What was sent: the only thing the oracle takes from outside the runtime. */
export interface Sent {
  readonly transfers: readonly Transfer[];
  readonly owners: readonly Owner[];
}

/**
 * A client that never gives up: it repeats a request, under the same idempotency key, until it is answered. Between
 * requests it puts files into the watched directory.
 */
export class Feeder {
  readonly #url: string;
  readonly #ownersDirectory: string;
  readonly #sent: { transfers: Transfer[]; owners: Owner[] };
  #requests: number;
  #stopped: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  /** `before`: what an earlier one sent to the same project. */
  constructor(origin: string, directory: string, before: Sent = { transfers: [], owners: [] }) {
    this.#url = `${origin}/transfers`;
    this.#ownersDirectory = join(directory, "owners");
    this.#sent = { transfers: [...before.transfers], owners: [...before.owners] };
    this.#requests = before.transfers.length / PER_REQUEST;
    mkdirSync(this.#ownersDirectory, { recursive: true });
  }

  get sent(): Sent {
    return this.#sent;
  }

  /** Sends so many requests, and resolves when all are answered. */
  async send(requests: number): Promise<void> {
    for (let i = 0; i < requests; i++) await this.#request();
  }

  /** Sends until `stop`. */
  start(pauseMs: number): void {
    const stopped = new AbortController();
    this.#stopped = stopped;
    this.#running = (async () => {
      while (!stopped.signal.aborted) {
        await this.#request();
        await sleep(pauseMs);
      }
    })();
    this.#running.catch(() => {}); // reported by `stop`
  }

  /** The request under way is answered first: whatever was sent is stored. */
  async stop(): Promise<void> {
    this.#stopped?.abort();
    await this.#running;
  }

  async #request(): Promise<void> {
    const from = this.#requests * PER_REQUEST;
    const transfers = Array.from({ length: PER_REQUEST }, (_, i) => transfer(from + i));
    if (this.#requests % 10 === 0) this.#addOwners();
    const headers = {
      "content-type": "application/x-ndjson",
      "idempotency-key": `request-${this.#requests}`,
    };
    const body = transfers.map((document) => `${JSON.stringify(document)}\n`).join("");
    for (;;) {
      const response = await fetch(this.#url, { method: "POST", headers, body }).catch(() => undefined);
      const answer = await response?.text().catch(() => undefined);
      if (response?.status === 200 && answer !== undefined) break;
      if (response && response.status < 500 && response.status !== 429)
        throw new Error(`${response.status}: ${answer}`);
      await sleep(RETRY_MS);
    }
    this.#requests++;
    this.#sent.transfers.push(...transfers);
  }

  /** A new file, whole when it can be seen. */
  #addOwners(): void {
    const from = this.#sent.owners.length;
    const owners = Array.from({ length: OWNERS_PER_FILE }, (_, i) => owner(from + i));
    const file = join(this.#ownersDirectory, `${String(from).padStart(8, "0")}.ndjson`);
    writeFileSync(`${file}.part`, owners.map((document) => `${JSON.stringify(document)}\n`).join(""));
    renameSync(`${file}.part`, file);
    this.#sent.owners.push(...owners);
  }
}
