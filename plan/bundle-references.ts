/** Which bundles a plan names, and what each is for. */
import type { DerivationPlan, DerivationSource, Plan } from "./plan.ts";

/** A function that a derivation calls. */
export interface FunctionReference {
  readonly source: DerivationSource;
  /** `by` for each function of the shuffle key. */
  readonly role: "transform" | "removed" | "by";
  /** SHA-256, hex. */
  readonly bundle: string;
}

/** In the order of the sources. */
export function functionsOf(derivation: DerivationPlan): readonly FunctionReference[] {
  return derivation.sources.flatMap((source) => {
    const { transform, removed, by = [] } = source;
    const functions: FunctionReference[] = [{ source, role: "transform", bundle: transform.bundle }];
    if (removed !== undefined) functions.push({ source, role: "removed", bundle: removed.bundle });
    for (const each of by)
      if (typeof each !== "string") functions.push({ source, role: "by", bundle: each.bundle });
    return functions;
  });
}

/** The hashes of all bundles that a plan needs. */
export function bundlesOf(plan: Plan): ReadonlySet<string> {
  return new Set(
    Object.values(plan.derivations).flatMap((derivation) =>
      functionsOf(derivation).map(({ bundle }) => bundle),
    ),
  );
}
