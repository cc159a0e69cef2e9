/** What a derivation's `continues` names: the definition that made what is stored. */
import { canonicalJson, sha256 } from "./canonical.ts";
import type { DerivationPlan } from "./plan.ts";

/** Hex digits that are shown and that a flow gives at least: 48 bits tell the definitions of one derivation apart. */
export const SHORT_DEFINITION_HASH = 12;

/**
 * SHA-256, hex, of the canonical JSON of what decides which documents a derivation gives: its `DerivationPlan` without
 * `continues`, `shards` and `onError`. So of its sources, in their order and with the hashes of their functions, of its
 * params and of its state. The derived collection's name, schema, key and reduction are not in it.
 */
export function definitionHash(derivation: DerivationPlan): string {
  const { continues: _continues, shards: _shards, onError: _onError, ...meaning } = derivation;
  return sha256(canonicalJson(meaning));
}
