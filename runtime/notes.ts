/** Names of the head's notes that several modules read. */

/** The definitions that everything stored was made under, of tasks that were dropped since too. */
export const APPLIED_PLAN = "applied-plan";
/** The plan that ran last, as it was. */
export const LAST_PLAN = "last-plan";
/** By collection, under which other name its objects are in the store. */
export const HOMES = "homes";
/** By derivation, how many shards `weir scale` asked for. */
export const SHARDS = "shards";
/** Who this data directory is in its store: `store-epoch.ts`. */
export const STORE_EPOCH = "store-epoch";
/** The newest cut that the store has, as `StoredCut`. */
export const STORED_CUT = "stored-cut";
/** That every durable value is in its task's log: there were values before there were logs. */
export const STATE_LOGGED = "state-logged";

/** These say something of one data directory: no cut holds them. */
export const LOCAL_NOTES: ReadonlySet<string> = new Set([STORE_EPOCH, STORED_CUT, STATE_LOGGED]);
