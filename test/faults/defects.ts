/**
 * Seeded defects: what the runtime must not do, put into its sources as they load. The oracle must report differences with
 * every one of them; else it would not report them of a mistake either. None of this is in production code.
 */
import type { Edit } from "./fault.ts";
import type { Step } from "./round.ts";

export interface Defect {
  /** What is broken, as a sentence without its end. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The kills that bring it to light, in the phases in which they must. */
  readonly steps: readonly Step[];
}

/** A point of the defect's own: where it opened what should be one step. */
const BETWEEN = `Reflect.get(globalThis, Symbol.for("weir.protocolPoint"))("defect.between");`;

const COMMIT = "head.commit({ task: entry, fence, appends, state, checkpoint })";

export const DEFECTS: readonly Defect[] = [
  {
    name: "a derivation's checkpoint is committed after its documents",
    edits: [
      edit(
        "runtime/task/derivation.ts",
        COMMIT,
        `head.commit({ task: entry, fence, appends, state }).then(() => { ${BETWEEN}
          return head.commit({ task: entry, fence, appends: [], checkpoint }); })`,
      ),
    ],
    steps: [kill("back-fill", "defect.between"), kill("live", "defect.between")],
  },
  {
    name: "a derivation's state is committed before its documents",
    edits: [
      edit(
        "runtime/task/derivation.ts",
        COMMIT,
        `head.commit({ task: entry, fence, appends: [], state }).then(() => { if (state.length > 0) ${BETWEEN}
          return head.commit({ task: entry, fence, appends, checkpoint }); })`,
      ),
    ],
    steps: [kill("back-fill", "defect.between"), kill("live", "defect.between")],
  },
  {
    name: "a reader skips a document where it passes from history to live",
    edits: [
      edit(
        "runtime/journal/reader.ts",
        `if (this.#wasInHistory) protocolPoint("reader.cutover.before");`,
        `if (this.#wasInHistory) {
          protocolPoint("reader.cutover.before");
          this.#wasInHistory = false;
          if (answer.runs.some(({ first, count }) => first <= this.#offset && first + count > this.#offset + 1)) this.#offset++;
        }`,
      ),
    ],
    steps: [kill("cutover", "reader.cutover.before", 2)],
  },
  {
    name: "the order of several journals does not go by commit time",
    edits: [edit("runtime/journal/merged-reader.ts", "if (timeA !== timeB) return timeA < timeB;", "")],
    steps: [kill("back-fill", "derivation.commit.after")],
  },
  {
    name: "an HTTP request is answered before it is committed",
    edits: [
      edit(
        "connectors/http/driver.ts",
        "return endpoint.append(parsed.batch, keyed);",
        `setTimeout(() => void endpoint.append(parsed.batch, keyed).catch(() => {}), 100);
  return Promise.resolve({ kind: "accepted", accepted: parsed.batch.count });`,
      ),
    ],
    steps: [kill("live", "http.answer.after", 3)],
  },
  {
    name: "a capture's cursor is not committed with its documents",
    edits: [edit("runtime/task/capture.ts", "...(cursor === undefined ? {} : { checkpoint: cursor }),", "")],
    steps: [kill("live", "http.answer.before", 3)],
  },
  {
    name: "a removal does not reach the targets",
    edits: [
      edit("runtime/task/materialization/batch.ts", "if (removed) remove(document);", "if (removed) void 0;"),
    ],
    steps: [kill("live", "materialization.store.after")],
  },
  {
    name: "a fragment is published before the store has it, and the head trimmed",
    edits: [
      edit(
        "runtime/archive/archiver.ts",
        "await this.#store.put(key, bytes);",
        "setTimeout(() => void this.#store.put(key, bytes), 3_000);",
      ),
      edit(
        "runtime/archive/archiver.ts",
        "if (!(await this.#lists(key, bytes.byteLength))) {",
        `if (key === "") {`,
      ),
    ],
    steps: [kill("live", "archive.trim.after", 3)],
  },
  {
    // Each alone does no harm: what is not recorded is a stray for the next start, which deletes it.
    name: "the range of a fragment is not recorded before its upload, and what nobody recorded is left in the store",
    edits: [
      edit(
        "runtime/archive/archiver.ts",
        "const strays = this.#straysOf(journal);",
        "const strays = this.#straysOf(journal).slice(0, 0);",
      ),
      edit("runtime/archive/archiver.ts", "await this.#head.intendFragment(journal.id, record);", ""),
      edit(
        "runtime/archive/archiver.ts",
        "await this.#store.put(key, bytes);",
        `await this.#store.put(key, bytes);
         if (kind === "full") ${BETWEEN}`,
      ),
    ],
    steps: [kill("back-fill", "defect.between"), kill("live", "defect.between")],
  },
  {
    name: "small fragments stand where a lake reader counts them",
    edits: [edit("runtime/store/fragment-name.ts", `\${name.tail ? "_tail/" : ""}`, "")],
    steps: [kill("live", "archive.upload.after", 3)],
  },
  {
    name: "Redis' position moves after the rows",
    edits: [
      edit("connectors/redis/scripts.ts", `"call('HSET', KEYS[1], 'position', ARGV[3])\\n"`, `""`),
      edit(
        "connectors/redis/session.ts",
        `protocolPoint("redis.store.after");`,
        `${BETWEEN}
         await this.#parts.redis.hset(this.#parts.checkpoint, "position", position);`,
      ),
    ],
    steps: [kill("back-fill", "defect.between"), kill("live", "defect.between")],
  },
  {
    name: "Postgres' position moves after the rows",
    edits: [
      edit(
        "connectors/postgres/statements.ts",
        "SET position = $4, updated_at = now()",
        "SET updated_at = CASE WHEN $4::text IS NULL THEN now() ELSE now() END",
      ),
      edit(
        "connectors/postgres/session.ts",
        `protocolPoint("postgres.commit.after");`,
        `${BETWEEN}
         await this.#parts.client.query("UPDATE weir_checkpoints SET position = $1 WHERE task = $2", [position, task]);`,
      ),
    ],
    steps: [kill("back-fill", "defect.between", 2), kill("live", "defect.between")],
  },
  {
    name: "what takes a collection's place does so without its positions and its state",
    edits: [
      edit(
        "runtime/rebuild/flip.ts",
        "tasks: [...tasks, ...retired.renamed],",
        `tasks: tasks.filter(({ to }) => to.includes("~")),`,
      ),
    ],
    steps: [kill("rebuild", "rebuild.flip.after")],
  },
  {
    name: "a table takes another's place without its position",
    edits: [
      edit(
        "connectors/postgres/swap.ts",
        "await client.query(move, [beside.task, serving.task, fence]);",
        `await client.query(move, [beside.task, serving.task, fence]);
         await client.query("UPDATE " + all + " SET position = NULL WHERE task = $1", [serving.task]);`,
      ),
    ],
    steps: [kill("rebuild", "rebuild.flip.after")],
  },
];

function edit(file: string, find: string, replace: string): Edit {
  return { file, find, replace };
}

function kill(phase: Step["phase"], point: string, occurrence = 1): Step {
  return { phase, point, occurrence, atStart: false, asks: undefined, fires: "always" };
}
