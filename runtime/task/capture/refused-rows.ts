import type { CapturedBatch, RefusedRow } from "../../../connectors/driver.ts";
import { appendsOf, ensureDeadLetters } from "../../deadletters/appends.ts";
import { letterLine, rowId } from "../../deadletters/letter.ts";
import { Suspicion } from "../../deadletters/suspicion.ts";
import { type Append, type Head, type JournalId, MAX_INTERNAL_APPEND_BYTES } from "../../head/head.ts";
import type { CaptureTask, Report } from "../task.ts";

/** Of a row that no letter has room for, so much is kept, characters. The file has it whole. */
const KEPT_CHARACTERS = 1024 * 1024;

/** Rows that are no documents, as dead letters of their capture. */
export class RefusedRows {
  readonly #task: CaptureTask;
  readonly #head: Head;
  readonly #suspicion: Suspicion;
  #journal: JournalId | undefined;

  constructor(task: CaptureTask, head: Head, report: Report) {
    this.#task = task;
    this.#head = head;
    this.#suspicion = new Suspicion(task.name, report);
  }

  /** What a batch appends to the dead-letter journal. */
  async appends({ count, refused = [] }: CapturedBatch): Promise<Append[]> {
    if (count > 0) this.#suspicion.passed();
    if (refused.length === 0) return [];
    this.#journal ??= await ensureDeadLetters(this.#head, this.#task.name);
    return appendsOf(
      this.#journal,
      refused.map((row) => this.#line(row)),
    );
  }

  #line({ file, row, line, violation, original }: RefusedRow): string {
    const { path, rule } = violation;
    const message = path === "" ? rule : `${path}: ${rule}`;
    this.#suspicion.failed(message);
    const place = { collection: this.#task.name, file, row, ...(line === undefined ? {} : { line }) };
    const letter = { id: rowId(place), error: { message, stack: [] }, place, planHash: this.#task.planHash };
    const text = JSON.stringify(original);
    const whole = letterLine(letter, text);
    if (Buffer.byteLength(whole) < MAX_INTERNAL_APPEND_BYTES) return whole;
    return letterLine(letter, JSON.stringify(text.slice(0, KEPT_CHARACTERS)));
  }
}
