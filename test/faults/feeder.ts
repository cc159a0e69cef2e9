import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Owner, owner, type Transfer, transfer } from "./bank.ts";

const PER_REQUEST = 20;
const OWNERS_PER_FILE = 3;
/** A capture watches 2,000 files at most. */
const MAX_OWNERS = 1_500 * OWNERS_PER_FILE;
const RETRY_MS = 25;
/** A machine that takes a connection and does not answer is given up, and asked again. */
const ATTEMPT_MS = 10_000;
/** Longer than any round lets a request wait: what runs then is not what was meant. */
const ANSWERED_WITHIN_MS = 300_000;

/** What was sent: the only thing the oracle takes from outside the runtime. */
export interface Sent {
  readonly transfers: readonly Transfer[];
  readonly owners: readonly Owner[];
}

/**
 * A client that repeats a request, under the same idempotency key, until it is answered, and gives up only where it never
 * is. Between requests it puts files into the watched directory.
 */
export class Feeder {
  #url: string;
  #ownersDirectory: string;
  #attempt = new AbortController();
  readonly #ended = new AbortController();
  readonly #sent: { transfers: Transfer[]; owners: Owner[] };
  #requests: number;
  #stopped: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  /** `before`: what an earlier one sent to the same project. */
  constructor(origin: string, directory: string, before: Sent = { transfers: [], owners: [] }) {
    this.#url = `${origin}/transfers`;
    this.#ownersDirectory = join(directory, "owners");
    mkdirSync(this.#ownersDirectory, { recursive: true });
    this.#sent = { transfers: [...before.transfers], owners: [...before.owners] };
    this.#requests = before.transfers.length / PER_REQUEST;
  }

  get sent(): Sent {
    return this.#sent;
  }

  /** Turns to another machine, and repeats there what is not answered. It finds all files there that were given so far. */
  moveTo(origin: string, directory: string): void {
    this.#url = `${origin}/transfers`;
    this.#ownersDirectory = join(directory, "owners");
    for (let from = 0; from < this.#sent.owners.length; from += OWNERS_PER_FILE) this.#putOwners(from);
    this.#attempt.abort();
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

  /** When the round is over, whatever is unanswered. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.stop().catch(() => {});
  }

  async #request(): Promise<void> {
    const from = this.#requests * PER_REQUEST;
    const transfers = Array.from({ length: PER_REQUEST }, (_, i) => transfer(from + i));
    if (this.#requests % 10 === 0 && this.#sent.owners.length < MAX_OWNERS) this.#addOwners();
    const headers = {
      "content-type": "application/x-ndjson",
      "idempotency-key": `request-${this.#requests}`,
    };
    const body = transfers.map((document) => `${JSON.stringify(document)}\n`).join("");
    const until = Date.now() + ANSWERED_WITHIN_MS;
    for (;;) {
      this.#attempt = new AbortController();
      const signal = AbortSignal.any([
        this.#attempt.signal,
        this.#ended.signal,
        AbortSignal.timeout(ATTEMPT_MS),
      ]);
      const request = { method: "POST", headers, body, signal };
      const response = await fetch(this.#url, request).catch(() => undefined);
      const answer = await response?.text().catch(() => undefined);
      if (response?.status === 200 && answer !== undefined) break;
      if (response && response.status < 500 && response.status !== 429)
        throw new Error(`${response.status}: ${answer}`);
      if (this.#ended.signal.aborted) return;
      if (Date.now() > until) throw new Error(`No answer to ${headers["idempotency-key"]}.`);
      await sleep(RETRY_MS);
    }
    this.#requests++;
    this.#sent.transfers.push(...transfers);
  }

  #addOwners(): void {
    const from = this.#sent.owners.length;
    this.#sent.owners.push(...ownersFrom(from));
    this.#putOwners(from);
  }

  /** A file that is whole when it can be seen. */
  #putOwners(from: number): void {
    const file = join(this.#ownersDirectory, `${String(from).padStart(8, "0")}.ndjson`);
    if (existsSync(file)) return;
    writeFileSync(
      `${file}.part`,
      ownersFrom(from)
        .map((document) => `${JSON.stringify(document)}\n`)
        .join(""),
    );
    renameSync(`${file}.part`, file);
  }
}

function ownersFrom(from: number): Owner[] {
  return Array.from({ length: OWNERS_PER_FILE }, (_, i) => owner(from + i));
}
