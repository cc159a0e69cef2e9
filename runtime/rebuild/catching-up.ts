/** How far what is made again has come: near enough to swap, and then past what the one that served had read. */
import type { CollectionView, DerivationPlan, Plan } from "../../plan/plan.ts";
import type { Head, JournalState, Position } from "../head/head.ts";
import { partitionFilter } from "../journal/logical-partition.ts";
import { statusOf, type TaskMonitor, type TaskSnapshot } from "../task-status.ts";
import type { Rebuild } from "./rebuild.ts";

/** A task of what is made again counts as near where it is this little behind, in seconds, beside its own read delay. */
const NEAR_SECONDS = 2;

/** Whether every one of these tasks is at its end, or reads what came in the last seconds. */
export function isNear(
  snapshots: readonly TaskSnapshot[],
  journals: readonly JournalState[],
  isBounded: (task: string) => boolean,
  now = Date.now(),
): boolean {
  return snapshots.every((snapshot) => {
    const { task, at } = snapshot;
    const { state, documentsBehind, secondsBehind } = statusOf(snapshot, journals, now);
    if (task.kind === "capture") return state === (isBounded(task.name) ? "exhausted" : "running");
    if (state !== "running" && state !== "caught-up") return false;
    if (documentsBehind === 0) return true;
    const delays =
      task.kind === "derivation" ? task.plan.sources.map(({ readDelayMs = 0 }) => readDelayMs) : [];
    return at > 0 && secondsBehind <= NEAR_SECONDS + Math.max(0, ...delays) / 1000;
  });
}

/** What one of these tasks must have read before it takes its place: positions by source, in the order that it reports. */
export type Requirement = readonly Position[];

/** What the tasks that served had read when they stopped. */
export interface Stopped {
  /** By derivation, and there by the name of the source (empty without one). */
  readonly derivations: Readonly<Record<string, Readonly<Record<string, Position>>>>;
  /** By target. */
  readonly targets: Readonly<Record<string, Position>>;
}

/**
 * Of a collection's task, or a target's, under its name beside. Nobody may see less than before: so it has read what the
 * one before it had. Where it reads something else, which is made again or which that one did not read, all of that: call it once
 * that is there.
 */
export async function requirementOf(
  name: string,
  running: Plan,
  rebuild: Rebuild,
  stopped: Stopped,
  head: Pick<Head, "journals">,
): Promise<Requirement> {
  const journals = await head.journals();
  const [collection] = Object.entries(rebuild.collections).find(([, { beside }]) => beside === name) ?? [];
  if (collection !== undefined) {
    const sources = running.derivations[name]?.sources ?? [];
    const isOfDocuments = rebuild.collections[collection]?.from === "documents";
    return sources.map((source) => {
      if (isOfDocuments) return endsOf(source, journals);
      const had = isBeside(source.collection, rebuild)
        ? undefined
        : stopped.derivations[collection]?.[source.name ?? ""];
      return requirementOn(source, had, journals);
    });
  }
  const [target] = Object.entries(rebuild.targets).find(([, { beside }]) => beside === name) ?? [];
  const view = running.materializations[name];
  if (target === undefined || view === undefined) return [];
  const had = isBeside(view.collection, rebuild) ? undefined : stopped.targets[target];
  return [requirementOn(view, had, journals)];
}

/** By the name of the source, without those that the new definition reads later than the one before it: they take their time. */
export function withoutDelayed(
  positions: Readonly<Record<string, Position>>,
  before: DerivationPlan | undefined,
  after: DerivationPlan | undefined,
): Readonly<Record<string, Position>> {
  const delay = (of: DerivationPlan | undefined, name: string) =>
    of?.sources.find((source) => (source.name ?? "") === name)?.readDelayMs ?? 0;
  return Object.fromEntries(
    Object.entries(positions).filter(([name]) => delay(after, name) <= delay(before, name)),
  );
}

/** Of each journal that is read now, what the one before had read; of one that it did not read, all, if that need not wait. */
function requirementOn(
  view: CollectionView & { readonly readDelayMs?: number; readonly until?: string },
  had: Position | undefined,
  journals: readonly JournalState[],
): Position {
  const isWhole = !view.readDelayMs && view.until === undefined;
  return Object.fromEntries(
    Object.entries(endsOf(view, journals)).flatMap(([id, end]) => {
      const position = had?.[id] ?? (isWhole ? end : undefined);
      return position === undefined ? [] : [[id, position] as const];
    }),
  );
}

function isBeside(collection: string, { collections }: Rebuild): boolean {
  return Object.values(collections).some(({ beside }) => beside === collection);
}

function endsOf(view: CollectionView, journals: readonly JournalState[]): Position {
  const isRead = partitionFilter(view.where);
  return Object.fromEntries(
    journals
      .filter(({ collection, logical }) => collection === view.collection && isRead(logical))
      .map(({ id, next }) => [id, [0, next] as const]),
  );
}

/** Whether the task has committed all of that. */
export function hasReached(monitor: TaskMonitor | undefined, requirement: Requirement): boolean {
  const positions = monitor?.snapshot().positions;
  return requirement.every((wanted, source) =>
    Object.entries(wanted).every(([journal, [, offset]]) => {
      return offset === 0 || (positions?.[source]?.[journal]?.[1] ?? 0) >= offset;
    }),
  );
}
