/** Flips single bits of a head's file, and judges what it answers afterwards by what it answered before. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { EmbeddedHead } from "../../../runtime/head/embedded-head.ts";
import type { Edit } from "../fault.ts";
import { FaultFiles } from "../fault-files.ts";
import { type Answer, fillHead } from "./fixtures/head-contents.ts";

const ASK = fileURLToPath(new URL("fixtures/ask-head.ts", import.meta.url));
const PRELOAD = fileURLToPath(new URL("../preload.ts", import.meta.url));
const PAGE_BYTES = 4096;
/** Where a page's header and its pointers are, and in LMDB's two first pages what names the newest state. */
const HEADER_BYTES = 160;
const ANSWER_WITHIN_MS = 60_000;

export type Verdict =
  /** Everything as it was: the bit was in a page that nothing uses, or in a value that is not asked for. */
  | { readonly kind: "right" }
  /** What is wrong is named, and everything else is as it was. */
  | { readonly kind: "named"; readonly errors: readonly string[] }
  /** LMDB ended the process, and where it was in opening, the next one says so. */
  | { readonly kind: "ended"; readonly by: string; readonly next: readonly string[] }
  | { readonly kind: "wrong"; readonly differences: readonly string[] };

export interface Flip {
  readonly at: number;
  readonly bit: number;
}

export class HeadDamage {
  readonly #base = mkdtempSync(join(tmpdir(), "weir-damage-"));
  readonly #original = join(this.#base, "original");
  readonly #files = new FaultFiles(join(this.#base, "faults"));
  #asker: Asker | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  #expected: readonly Answer[] = [];

  /** Edits are those of a seeded defect. */
  constructor(edits: readonly Edit[] = []) {
    this.#files.setEdits(edits);
  }

  /** Modules that were to be edited and never loaded. */
  unapplied(): readonly string[] {
    return this.#files.unapplied().map((file) => `${file} was never loaded`);
  }

  async prepare(): Promise<void> {
    const head = new EmbeddedHead(this.#original);
    fillHead(head);
    await head.close();
    this.#bytes = readFileSync(join(this.#original, "head.lmdb"));
    const copy = this.#copy();
    const answered = await this.#ask(copy);
    if ("ended" in answered || answered.some(({ error }) => error !== undefined)) {
      throw new Error(`The head answers badly before any damage: ${JSON.stringify(answered).slice(0, 500)}`);
    }
    this.#expected = answered;
    rmSync(copy, { recursive: true });
  }

  /** A bit anywhere in the file, or, as often, in a page's header. */
  choose(random: () => number): Flip {
    const size = this.#bytes.length;
    const page = Math.floor(random() * (size / PAGE_BYTES));
    const isHeader = random() < 0.5;
    const at = isHeader
      ? page * PAGE_BYTES + Math.floor(random() * HEADER_BYTES)
      : Math.floor(random() * size);
    return { at, bit: Math.floor(random() * 8) };
  }

  async judge({ at, bit }: Flip): Promise<Verdict> {
    const copy = this.#copy();
    const bytes = Buffer.from(this.#bytes);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    writeFileSync(join(copy, "head.lmdb"), bytes);
    try {
      const answered = await this.#ask(copy);
      if (!("ended" in answered)) return this.#compare(answered);
      const wasOpening = existsSync(join(copy, "opening"));
      const next = wasOpening ? await this.#ask(copy) : [];
      return { kind: "ended", by: answered.ended, next: "ended" in next ? [] : errorsOf(next) };
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  #compare(answered: readonly Answer[]): Verdict {
    const errors = errorsOf(answered);
    if (answered.length === 1 && answered[0]?.question === "open") return { kind: "named", errors };
    const byQuestion = new Map(answered.map((answer) => [answer.question, answer]));
    const differences = this.#expected.flatMap(({ question, value }) => {
      const answer = byQuestion.get(question);
      if (answer?.error !== undefined || answer?.value === value) return [];
      return [`${question}: ${answer?.value?.slice(0, 200)} in place of ${value?.slice(0, 200)}`];
    });
    if (differences.length > 0) return { kind: "wrong", differences };
    return errors.length > 0 ? { kind: "named", errors } : { kind: "right" };
  }

  #copy(): string {
    const copy = mkdtempSync(join(this.#base, "copy-"));
    cpSync(this.#original, copy, { recursive: true });
    return copy;
  }

  async #ask(directory: string): Promise<readonly Answer[] | { readonly ended: string }> {
    this.#asker ??= new Asker(join(this.#base, "faults"));
    const answered = await this.#asker.ask(directory);
    if (answered === undefined) {
      const ended = await this.#asker.ended;
      this.#asker = undefined;
      return { ended };
    }
    return answered;
  }

  close(): void {
    this.#asker?.kill();
    rmSync(this.#base, { recursive: true, force: true });
  }
}

function errorsOf(answers: readonly Answer[]): string[] {
  return answers.flatMap(({ error }) => (error === undefined ? [] : [error]));
}

class Asker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** What the process ended by. */
  readonly ended: Promise<string>;

  constructor(faults: string) {
    const child = spawn(process.execPath, ["--conditions=weir-source", `--import=${PRELOAD}`, ASK], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, WEIR_FAULTS: faults },
    });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.ended = once(child, "exit").then(([code, signal]) => String(signal ?? code));
  }

  /** Undefined if it ended over it. */
  async ask(directory: string): Promise<readonly Answer[] | undefined> {
    this.#child.stdin?.write(`${directory}\n`);
    const deadline = setTimeout(() => this.kill(), ANSWER_WITHIN_MS);
    try {
      const { value, done } = await this.#lines.next();
      // The last line may be cut off.
      return done || !value.endsWith("]") ? undefined : (JSON.parse(value) as Answer[]); // of ask-head.ts
    } finally {
      clearTimeout(deadline);
    }
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
