/** Environment variables that a configuration refers to. Values go to the drivers and nowhere else. */
import type { Json, JsonObject, Plan } from "../plan/plan.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export class MissingEnvironmentError extends Error {
  override readonly name = "MissingEnvironmentError";
}

/** Replaces every `{ $env: NAME }`. Call `requireEnvironment` first: a missing variable throws here too. */
export function resolveEnvironment<T>(value: T, environment: Environment): T {
  return resolve(value, environment) as T; // same shape, references replaced by the strings they stand for
}

function resolve(value: unknown, environment: Environment): unknown {
  const name = referenceName(value);
  if (name !== undefined) {
    const found = environment[name];
    if (!found) throw new MissingEnvironmentError(missing([[name, []]]));
    return found;
  }
  if (Array.isArray(value)) return value.map((item) => resolve(item, environment));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, environment)]));
}

/** Throws one error that names every variable the plan and the store's configuration need and lack. */
export function requireEnvironment(plan: Plan, store: unknown, environment: Environment): void {
  const users = new Map<string, string[]>();
  const need = (value: unknown, user: string) => {
    for (const name of referencesIn(value)) {
      if (!environment[name]) users.set(name, [...(users.get(name) ?? []), user]);
    }
  };
  need(store, "the store in weir.config.ts");
  for (const [name, { config }] of Object.entries(plan.captures)) need(config, `the capture ${name}`);
  for (const [name, { config }] of Object.entries(plan.materializations)) need(config, name);
  if (users.size > 0) throw new MissingEnvironmentError(missing([...users]));
}

function missing(users: readonly (readonly [string, readonly string[]])[]): string {
  const lines = users.map(([name, by]) => (by.length > 0 ? `${name} (used by ${by.join(", ")})` : name));
  const [is, it] = lines.length === 1 ? ["variable is", "it"] : ["variables are", "them"];
  return `The environment ${is} not set: ${lines.join("; ")}. Set ${it} and run again; nothing was started.`;
}

function referencesIn(value: unknown): string[] {
  const name = referenceName(value);
  if (name !== undefined) return [name];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(referencesIn);
}

function referenceName(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const name = (value as JsonObject).$env as Json | undefined;
  return typeof name === "string" ? name : undefined;
}
