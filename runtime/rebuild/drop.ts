/** Deletes what a swap has kept, or what was given up before it served: rows, documents, objects in the store. */
import { protocolPoint } from "../../connectors/protocol-point.ts";
import { materializationDriver } from "../connectors.ts";
import { deadLettersOf, replaysOf } from "../deadletters/names.ts";
import { type Environment, resolveEnvironment } from "../environment.ts";
import type { Garbage, Head, StoredCut } from "../head/head.ts";
import { GARBAGE, STORED_CUT } from "../notes.ts";
import type { ObjectStore } from "../store/store.ts";
import { KEPT, type Kept } from "./flip.ts";
import { jsonOf, noteOf } from "./rebuild.ts";

export interface DropParts {
  readonly environment: Environment;
  /** Where packages of connectors are looked for. */
  readonly baseDir: string;
  readonly tell: (task: string, message: string) => void;
}

async function allKept(head: Pick<Head, "getNote">): Promise<readonly Kept[]> {
  return (await noteOf<readonly Kept[]>(head, KEPT)) ?? [];
}

/** The names of what is kept. */
export async function keptNames(head: Pick<Head, "getNote">): Promise<readonly string[]> {
  return (await allKept(head)).map(({ as }) => as);
}

/** Every generation that is kept of a collection or target, or one of them by its own name. Answers the names of what was dropped. */
export async function dropByName(head: Head, name: string, parts: DropParts): Promise<readonly string[]> {
  const kept = (await allKept(head)).filter((each) => each.name === name || each.as === name);
  for (const each of kept) await drop(head, each, parts);
  return kept.map(({ as }) => as);
}

/** What rebuilds had made that were given up. What cannot be dropped now is left for the next time. */
export async function dropAbandoned(head: Head, parts: DropParts): Promise<void> {
  for (const kept of await allKept(head)) {
    if (!kept.abandoned) continue;
    await drop(head, kept, parts).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      parts.tell(kept.as, `cannot be dropped now, and is tried again at the next start: ${why}`);
    });
  }
}

/** Can be repeated: what is noted as kept is there, in whole or in part. */
async function drop(head: Head, kept: Kept, { environment, baseDir, tell }: DropParts): Promise<void> {
  protocolPoint("drop.before");
  if (kept.target) {
    const { connector, mode, config, label, collection } = kept.target;
    const driver = await materializationDriver(connector, baseDir);
    if (!driver.aside || !driver.drop)
      throw new Error(`The connector of "${kept.as}" cannot drop what it keeps.`);
    const place = {
      task: kept.as,
      mode,
      collection,
      config: resolveEnvironment(driver.aside(config, label), environment),
    };
    const say = (message: string) => tell(kept.as, message);
    await driver.drop(place, { info: say, warn: say });
  } else {
    for (const name of [kept.as, deadLettersOf(kept.as), replaysOf(kept.as)]) await head.dropCollection(name);
  }
  const rest = (await allKept(head)).filter(({ as }) => as !== kept.as);
  await head.setNote(KEPT, jsonOf(rest));
  protocolPoint("drop.after");
}

/** Deletes objects that no cut needs any more. To be called now and then. */
export async function sweepGarbage(
  head: Pick<Head, "getNote" | "setNote">,
  store: ObjectStore,
): Promise<void> {
  const garbage = (await noteOf<readonly Garbage[]>(head, GARBAGE)) ?? [];
  const cut = await noteOf<StoredCut>(head, STORED_CUT);
  const due = garbage.filter(({ clock }) => cut !== undefined && cut.clock > clock);
  if (due.length === 0) return;
  for (const { keys } of due) await store.delete([...keys]);
  await head.setNote(GARBAGE, jsonOf(garbage.filter((each) => !due.includes(each))));
}
