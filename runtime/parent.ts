import { planHash } from "../plan/canonical.ts";
import type { ParentHash } from "../plan/parent.ts";
import type { Plan } from "../plan/plan.ts";

export class OtherParentError extends Error {
  override readonly name = "OtherParentError";
}

interface Following {
  readonly planHash: string;
  /** Undefined for a build that follows whatever ran before. */
  readonly parentHash?: ParentHash | undefined;
}

/**
 * What was looked at before the build was approved is how it follows its parent: after another plan it would do something
 * else. `last` is what ran last here. The build itself may run again.
 */
export function refuseOtherParent(last: Plan | undefined, { planHash: own, parentHash }: Following): void {
  if (parentHash === undefined) return;
  const ran = last === undefined ? null : planHash(last);
  if (ran === parentHash || ran === own) return;
  const made = parentHash === null ? "to be the first that runs" : `to follow the plan ${parentHash}`;
  const found = ran === null ? "nothing has run in this data directory" : `what ran here last is ${ran}`;
  throw new OtherParentError(
    `The build was made ${made}, and ${found}. Nothing was started. Look at what it would change now (weir diff), and build it again with --parent.`,
  );
}
