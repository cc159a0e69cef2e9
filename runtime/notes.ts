/** Names of the head's notes that several modules read. */

/** The definitions that everything stored was made under, of tasks that were dropped since too. */
export const APPLIED_PLAN = "applied-plan";
/** The plan that ran last, as it was. */
export const LAST_PLAN = "last-plan";
/** By derivation, how many shards `weir scale` asked for. */
export const SHARDS = "shards";
