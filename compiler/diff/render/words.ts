/** The sentences that the renderings share. */
import type { FieldChange } from "../../../plan/evolution/difference.ts";
import { ACTIONS, type Change, OFFLINE, type PlanDiff, type Replay } from "../change.ts";
import { plural } from "./plain-text.ts";

/** For instance: `2 changes destroy or replace what stands: 1 destroy, 3 rebuild.` */
export function verdictLine({ verdict, summary, changes }: PlanDiff): string {
  const counts = ACTIONS.filter((action) => summary[action] > 0).map(
    (action) => `${summary[action]} ${action}`,
  );
  const list = counts.join(", ");
  switch (verdict) {
    case "none":
      return "No changes: what is stored and kept in step stays as it is.";
    case "safe":
      return `Safe: nothing that is stored is rebuilt or given up (${list}).`;
    case "rebuild":
      return `Rebuild: history is read again, and nothing is given up (${list}).`;
    case "destructive": {
      const count = changes.filter(({ destructive }) => destructive).length;
      return `Destructive: ${plural(count, "change")} ${count === 1 ? "gives" : "give"} up something that is stored or kept in step (${list}). weir run asks for --allow destructive.`;
    }
  }
}

/** What today's `weir run` does with the plan, or undefined where it applies all of it. */
export function refusedLine({ summary, changes }: PlanDiff): string | undefined {
  if (summary.refusedToday === 0) return undefined;
  const refused = changes.filter(({ refusedToday }) => refusedToday !== null);
  const names = [...new Set(refused.map(({ name }) => name))];
  const shown = names.slice(0, MOST_NAMES).join(", ");
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  return `On a data directory where the old plan ran, weir run refuses this plan and starts nothing, because of ${shown}${more}. Take the change back, or give what changed a new name.`;
}

const MOST_NAMES = 5;

export function replayText(replay: Replay): string {
  const from = replay.from.map((each) =>
    "source" in each ? `its source (${each.source})` : `${each.collection} from offset 0`,
  );
  return `${from.join(", ")}: ${sizeText(replay)}`;
}

function sizeText({ documents, bytes, times, atMost }: Replay): string {
  if (documents === OFFLINE || bytes === OFFLINE || times === OFFLINE) return `how much is ${OFFLINE}`;
  const size = `${atMost ? "at most " : ""}${plural(documents, "document")}, ${plural(bytes, "byte")}`;
  return times === null ? size : `${size}, committed from ${timeText(times.from)} to ${timeText(times.to)}`;
}

/** To the second. */
function timeText(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

/** Before the statements of a target. */
export function sqlTitle({ action }: Change): string {
  return action === "create"
    ? "makes its table, where there is none, by"
    : "alters its table, with its rows, by";
}

/** Undefined where the change has nothing to say of stored rows. */
export function storedText({ storedRowsGetIt }: FieldChange): string {
  switch (storedRowsGetIt) {
    case "yes":
      return "stored rows get it, by the replay";
    case "no":
      return "stored rows do not get it";
    case "not-needed":
      return "stored rows need no change";
    case "checked":
      return "stored rows are checked, and not made up";
  }
}

/** `schema` changes have nothing to show but themselves. */
export function fieldTitle({ aspect, path }: FieldChange): string {
  return aspect === "field" || aspect === path ? path : `${aspect} ${path}`;
}

export function becauseText({ because }: Change): string | undefined {
  return because.length > 1 ? because.join(" → ") : undefined;
}
