/** How the harness and the runtime under test tell each other what is armed and what has happened: files of one directory. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Edit, Fault } from "./fault.ts";

export class FaultFiles {
  readonly #directory: string;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
  }

  get armed(): string {
    return join(this.#directory, "armed.json");
  }

  /** Exists once the armed fault has fired. */
  get fired(): string {
    return join(this.#directory, "fired");
  }

  /** Exists once a reader has passed from fragments to the head since arming. */
  get cutover(): string {
    return join(this.#directory, "cutover");
  }

  /** Exists where an edit's text was not found exactly once, and says so. */
  get misfit(): string {
    return join(this.#directory, "misfit");
  }

  /** Exists once this module was loaded with its edits. */
  applied(file: string): string {
    return join(this.#directory, `applied-${file.replaceAll("/", "-")}`);
  }

  arm(fault: Fault): void {
    this.disarm();
    writeFileSync(`${this.armed}.new`, JSON.stringify(fault));
    renameSync(`${this.armed}.new`, this.armed);
  }

  disarm(): void {
    for (const file of [this.armed, this.cutover, this.fired]) rmSync(file, { force: true });
  }

  hasFired(): boolean {
    return existsSync(this.fired);
  }

  setEdits(edits: readonly Edit[]): void {
    writeFileSync(join(this.#directory, "edits.json"), JSON.stringify(edits));
  }

  edits(): readonly Edit[] {
    const file = join(this.#directory, "edits.json");
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Edit[]) : []; // written by `setEdits`
  }

  /** Throws where an edit did not fit: what was run is not what was meant. */
  checkEdits(): void {
    if (existsSync(this.misfit)) throw new Error(readFileSync(this.misfit, "utf8"));
  }

  /** Modules that were never loaded with their edits. */
  unapplied(): readonly string[] {
    return this.edits()
      .map(({ file }) => file)
      .filter((file) => !existsSync(this.applied(file)));
  }
}
