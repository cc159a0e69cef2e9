import {
  type ClientMessage,
  type CommitProxy,
  type CommitWatcher,
  startCommitProxy,
} from "./commit-proxy.ts";

/** The label of a commit: the word COMMIT of a transaction of several statements, or one statement that is its own. */
export const COMMIT = "COMMIT";
export const STATEMENT = "statement";

/**
 * Recognises, in Postgres' protocol (version 3), the simple query COMMIT, and the extended query of a prepared statement
 * whose text moves a checkpoint of Weir outside of a transaction: such a statement is a transaction of its own.
 */
export function startPostgresProxy(targetPort: number): Promise<CommitProxy> {
  return startCommitProxy(targetPort, () => new PostgresWatcher());
}

const MOVES_CHECKPOINT = /UPDATE[^;]*weir_checkpoints/s;
const HEADER = 5;

class PostgresWatcher implements CommitWatcher {
  #rest: Buffer = Buffer.alloc(0);
  #answer: Buffer = Buffer.alloc(0);
  #hasStarted = false;
  #inTransaction = false;
  /** Whether the extended query that the next Sync ends is one that commits. */
  #commits = false;
  #failed = false;
  /** Names of prepared statements that move a checkpoint. */
  readonly #statements = new Set<string>();

  fromClient(chunk: Buffer): readonly ClientMessage[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: ClientMessage[] = [];
    for (;;) {
      // The first message has no type; it begins with its length.
      const lengthAt = this.#hasStarted ? 1 : 0;
      if (this.#rest.length < lengthAt + 4) return messages;
      const size = lengthAt + this.#rest.readUInt32BE(lengthAt);
      if (this.#rest.length < size) return messages;
      const bytes = this.#rest.subarray(0, size);
      this.#rest = this.#rest.subarray(size);
      messages.push({ bytes, commit: this.#hasStarted ? this.#commitOf(bytes) : undefined });
      this.#hasStarted = true;
    }
  }

  #commitOf(message: Buffer): string | undefined {
    switch (message.toString("latin1", 0, 1)) {
      case "Q": {
        const [text = ""] = strings(message, HEADER, 1);
        if (/^BEGIN/i.test(text)) this.#inTransaction = true;
        if (/^(COMMIT|ROLLBACK)/i.test(text)) this.#inTransaction = false;
        return /^COMMIT/i.test(text) ? this.#begin(COMMIT) : undefined;
      }
      case "P": {
        const [name = "", text = ""] = strings(message, HEADER, 2);
        if (MOVES_CHECKPOINT.test(text)) this.#statements.add(name);
        return undefined;
      }
      case "B": {
        const [, name = ""] = strings(message, HEADER, 2);
        this.#commits = this.#statements.has(name) && !this.#inTransaction;
        return undefined;
      }
      case "S": {
        const isCommit = this.#commits;
        this.#commits = false;
        return isCommit ? this.#begin(STATEMENT) : undefined;
      }
      default:
        return undefined;
    }
  }

  #begin(label: string): string {
    this.#answer = Buffer.alloc(0);
    this.#failed = false;
    return label;
  }

  answer(chunk: Buffer): "done" | "refused" | "pending" {
    this.#answer = Buffer.concat([this.#answer, chunk]);
    while (this.#answer.length >= HEADER) {
      const size = 1 + this.#answer.readUInt32BE(1);
      if (this.#answer.length < size) return "pending";
      const type = this.#answer.toString("latin1", 0, 1);
      this.#answer = this.#answer.subarray(size);
      if (type === "E") this.#failed = true;
      // ReadyForQuery comes after the transaction has ended.
      if (type === "Z") return this.#failed ? "refused" : "done";
    }
    return "pending";
  }
}

/** Zero-terminated strings, from a place on. */
function strings(message: Buffer, from: number, count: number): string[] {
  const found: string[] = [];
  for (let at = from; found.length < count; ) {
    const end = message.indexOf(0, at);
    if (end < 0) return found;
    found.push(message.toString("utf8", at, end));
    at = end + 1;
  }
  return found;
}
