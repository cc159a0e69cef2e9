/** How many shards each derivation runs in: as a person has asked, else as its flow does, else what suits the machine. */
import type { DerivationPlan, Plan } from "../plan/plan.ts";
import { MOST_AUTOMATIC_SHARDS, planShardRule, type ShardRule } from "../plan/sharding.ts";
import type { Head } from "./head/head.ts";
import { SHARDS } from "./notes.ts";

/** By derivation, what `weir scale` asked for. */
type Asked = Readonly<Record<string, number>>;

async function asked(head: Head): Promise<Asked> {
  return ((await head.getNote(SHARDS)) ?? {}) as Asked; // written below
}

/** `cores` is how many threads can work at a time. */
export function shardCount(
  rule: ShardRule,
  { shards }: Pick<DerivationPlan, "shards">,
  byHand: number | undefined,
  cores: number,
): number {
  if (rule.kind === "in-order") return 1;
  return Math.max(1, Math.min(byHand ?? shards ?? Math.min(cores, MOST_AUTOMATIC_SHARDS), rule.most));
}

/** Of a plan's derivations. */
export async function shardCounts(
  head: Head,
  { derivations, collections }: Plan,
  cores: number,
): Promise<ReadonlyMap<string, number>> {
  const byHand = await asked(head);
  return new Map(
    Object.entries(derivations).map(([name, derivation]) => [
      name,
      shardCount(planShardRule(name, derivation, collections), derivation, byHand[name], cores),
    ]),
  );
}

/**
 * Notes how many shards a person asks for; `auto` forgets what was noted. Returns how many that is.
 * Throws where the derivation cannot be cut so.
 */
export async function askForShards(
  head: Head,
  plan: Plan,
  task: string,
  shards: number | "auto",
  cores: number,
): Promise<number> {
  const derivation = Object.hasOwn(plan.derivations, task) ? plan.derivations[task] : undefined;
  if (derivation === undefined) {
    const names = Object.keys(plan.derivations).sort().join(", ") || "none";
    throw new Error(`"${task}" is no derivation, and only these run in shards. There are: ${names}.`);
  }
  const rule = planShardRule(task, derivation, plan.collections);
  if (shards !== "auto") refuse(task, rule, shards);
  const { [task]: _, ...others } = await asked(head);
  await head.setNote(SHARDS, shards === "auto" ? others : { ...others, [task]: shards });
  return shardCount(rule, derivation, shards === "auto" ? undefined : shards, cores);
}

function refuse(task: string, rule: ShardRule, shards: number): void {
  if (!Number.isInteger(shards) || shards < 1) {
    throw new Error(`${shards} is no number of shards. Give a whole number from 1 on, or auto.`);
  }
  if (rule.kind === "in-order" && shards > 1) {
    throw new Error(`"${task}" runs in one shard, because ${rule.reason}.`);
  }
  if (rule.kind === "any-order" && shards > rule.most) {
    const partitions = rule.most === 1 ? "1 partition" : `${rule.most} partitions`;
    throw new Error(
      `"${task}" cannot run in ${shards} shards: what it reads has ${partitions}. Ask for ${rule.most} at most.`,
    );
  }
}

/** What was asked for a derivation holds under its new name. */
export async function renameShards(head: Head, renames: ReadonlyMap<string, string>): Promise<void> {
  const before = await asked(head);
  const after = Object.fromEntries(
    Object.entries(before).map(([name, shards]) => [renames.get(name) ?? name, shards]),
  );
  if (Object.keys(before).some((name) => renames.has(name))) await head.setNote(SHARDS, after);
}
