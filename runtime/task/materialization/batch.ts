/** What one transaction of a target takes: rows by key, or a log's rows. */
import {
  type DeltaDocument,
  HaltError,
  type RowChange,
  type TargetSession,
} from "../../../connectors/driver.ts";
import type { Json, JsonObject } from "../../../plan/plan.ts";
import { Combiner, keysToLoad, withStored } from "../../reduction/combiner.ts";
import { compileReducer } from "../../reduction/reducer.ts";
import type { DocumentSource, Take } from "../document-source.ts";
import type { MaterializationTask } from "../task.ts";

/** Documents that one transaction combines at most, however few keys they have: bounds what a crash repeats. */
const TRANSACTION_DOCUMENTS = 500_000;
/** Of documents that one transaction holds, roughly, if they are as long as those it has taken. As objects they take several times that. */
const HELD_BYTES = 32 * 1024 * 1024;
/** New rows need not be looked for in the target: to wait for more of them than so many gains nothing. */
const NEW_ROWS = 100_000;
/** Of a transaction that tells whether rows are mostly new. Of a small one the target may leave all rows to be looked for. */
const TELLING_DOCUMENTS = 5_000;

/** A transaction in the making: documents are added until it is full, then it is taken. */
export interface Batch {
  readonly full: boolean;
  /** Whether one may be stored while the one before it is under way. */
  readonly pipelines: boolean;
  /** Adds documents of one run, up to `most`. */
  fill(source: DocumentSource, most: number): void;
  /** Begins a new one. What is returned stores what was added, in one transaction of the target. */
  take(): (next: Json) => Promise<void>;
}

/** A row per key, fully reduced. */
export function reducedBatch({ collection }: MaterializationTask, session: TargetSession): Batch {
  const reducer = compileReducer(collection);
  const combiner = new Combiner(collection, reducer);
  // What is to be reduced is combined first.
  const begin = () => (reducer.combines ? undefined : session.newRows?.());
  let newRows = begin();
  /** Whether a large transaction has had mostly other rows: to look for new ones in the bytes, and then to parse them, would be double work. */
  let areNewSeldom = false;
  let documents = 0;
  let bytes = 0;
  /** How many more it may take, whatever keys they have. */
  const room = () => {
    const fresh = newRows?.size ?? 0;
    const rows = combiner.size + fresh;
    if (rows * (bytes / documents) >= HELD_BYTES) return 0;
    return Math.min(session.maxRows - rows, NEW_ROWS - fresh, TRANSACTION_DOCUMENTS - documents);
  };
  const remove = (document: JsonObject) => {
    newRows?.pass(document);
    combiner.remove(document);
  };
  return {
    get full() {
      return room() <= 0;
    },
    // What is stored must be read before it is reduced into.
    pipelines: session.pipelines === true && (session.reducesInTarget || !reducer.combines),
    fill(source, most) {
      const { taken, takenBytes } = source;
      const take: Take = (document, { removed }) => {
        if (removed) remove(document);
        else if (!newRows?.take(document)) combiner.add(document);
      };
      source.take(Math.min(room(), most), take, areNewSeldom ? undefined : newRows?.takeJson.bind(newRows));
      documents += source.taken - taken;
      bytes += source.takenBytes - takenBytes;
    },
    take() {
      const changes = combiner.drain();
      const taken = newRows;
      if (taken && documents >= TELLING_DOCUMENTS) areNewSeldom = taken.size * 2 < documents;
      newRows = begin();
      documents = 0;
      bytes = 0;
      return async (next) => {
        const rows = session.reducesInTarget
          ? changes
          : withStored(reducer, changes, await load(changes, session));
        await session.store(rows, next, taken);
      };
    },
  };
}

async function load(
  changes: readonly RowChange[],
  session: TargetSession,
): Promise<readonly (JsonObject | undefined)[]> {
  const keys = keysToLoad(changes);
  return keys.length === 0 ? [] : session.load(keys);
}

/** A row per document, as it was appended. */
export function deltaBatch({ name }: MaterializationTask, session: TargetSession): Batch {
  const append = session.append?.bind(session);
  if (append === undefined) throw new HaltError(`The target of "${name}" has no mode "delta"; leave it out.`);
  let documents: DeltaDocument[] = [];
  let bytes = 0;
  const room = () => (bytes >= HELD_BYTES ? 0 : Math.min(session.maxRows, NEW_ROWS) - documents.length);
  return {
    get full() {
      return room() <= 0;
    },
    pipelines: false,
    fill(source, most) {
      const { takenBytes } = source;
      source.take(Math.min(room(), most), (document, place) => {
        documents.push({ ...place, document: place.removed ? withoutMeta(document) : document });
      });
      bytes += source.takenBytes - takenBytes;
    },
    take() {
      const taken = documents;
      documents = [];
      bytes = 0;
      return (next) => append(taken, next);
    },
  };
}

function withoutMeta({ _meta, ...document }: JsonObject): JsonObject {
  return document;
}
