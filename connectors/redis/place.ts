/** The names that Weir has to itself in a database: checkpoints, and rows that stand beside those that readers look at. */
import { createHash } from "node:crypto";
import type { JsonObject } from "../../plan/plan.ts";
import { HaltError, type ResolvedConfig } from "../driver.ts";

export const CHECKPOINTS = "weir:checkpoint:";
const ASIDE = "weir:aside:";
const OWN = [CHECKPOINTS, ASIDE];

/**
 * The same target under keys of its own: what readers see as `spend:ada` is `weir:aside:2:<hash>:spend:ada`. The hash is of
 * the template, so that the pattern of one target's rows matches no other's, even where a template begins with a placeholder.
 */
export function asideConfig(config: JsonObject, label: string): JsonObject {
  const { key } = config;
  if (typeof key !== "string") throw new HaltError("A Redis target needs the string key, a template.");
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 12);
  const aside = `${ASIDE}${label}:${hash}:`;
  return { ...config, key: aside + key, aside };
}

/** What stands before the keys of such a place; undefined where readers look. */
export function asidePrefix({ aside }: ResolvedConfig): string | undefined {
  return typeof aside === "string" ? aside : undefined;
}

export function isReserved(key: string): boolean {
  return OWN.some((prefix) => key.startsWith(prefix));
}

/** Whether keys that begin so may be reserved ones, depending on what follows. */
export function mayBeReserved(beginning: string): boolean {
  return OWN.some((prefix) => prefix.startsWith(beginning) || beginning.startsWith(prefix));
}
