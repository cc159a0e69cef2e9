/** A materialization reduced to what matters for faults of its target: it stores batches, and comes back after any failure. */
import { setTimeout as sleep } from "node:timers/promises";
import { isHalt, type TargetSession } from "../../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import { Combiner, keysToLoad, withStored } from "../../../runtime/reduction/combiner.ts";
import { compileReducer } from "../../../runtime/reduction/reducer.ts";

export interface Endurance {
  /** Sessions that ended in a failure. */
  readonly failures: number;
  /** Times that a session found a position other than the one after the newest transaction that was answered. */
  readonly surprises: number;
}

/** Stores the batches in order, each a transaction; the position is how many are stored. Halts are thrown. */
export async function storeAll(
  open: () => Promise<TargetSession>,
  plan: CollectionPlan,
  batches: readonly (readonly JsonObject[])[],
  /** Called before each transaction; arms faults. */
  before: (batch: number) => Promise<void> | void,
): Promise<Endurance> {
  const reducer = compileReducer(plan);
  let failures = 0;
  let surprises = 0;
  let answered = 0;
  for (;;) {
    let session: TargetSession | undefined;
    try {
      session = await open();
      const found = Number(session.position ?? 0);
      if (found !== answered) surprises++;
      for (answered = found; answered < batches.length; answered++) {
        await before(answered);
        const combiner = new Combiner(plan);
        for (const document of batches[answered] ?? []) combiner.add(structuredClone(document));
        let changes = combiner.drain();
        if (!session.reducesInTarget) {
          changes = withStored(reducer, changes, await session.load(keysToLoad(changes)));
        }
        await session.store(changes, answered + 1);
      }
      return { failures, surprises };
    } catch (error) {
      if (isHalt(error)) throw error;
      failures++;
      await sleep(20);
    } finally {
      await session?.close();
    }
  }
}
