/** What a target keeps beside its rows, and where a materialization goes on when it opens it: where it stopped, or again. */
import { HaltError, type TargetSession } from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json } from "../../plan/plan.ts";
import { type BackfillRequest, rewound } from "../backfill/request.ts";
import type { Position } from "../head/head.ts";
import type { MaterializationTask, Report } from "./task.ts";
import { taskLog } from "./task-log.ts";

/** Where the target's rows end, and which back-fills they are of: the flow's counter, and the newest request carried out. */
interface Checkpoint {
  readonly journals: Position;
  readonly backfill: number;
  readonly request?: string;
}

/** `asked` is the newest request, whether the target has had it or not. */
export class TargetStart {
  readonly #task: MaterializationTask;
  readonly #asked: BackfillRequest | undefined;
  readonly #isPastCut: (position: Position) => boolean;
  /** The request that rows stored from now on are of. */
  #request: string | undefined;

  /** `isPastCut` tells of a position whether a restore has cut off documents before it. */
  constructor(
    task: MaterializationTask,
    asked: BackfillRequest | undefined,
    isPastCut: (position: Position) => boolean = () => false,
  ) {
    this.#task = task;
    this.#isPastCut = isPastCut;
    this.#asked = asked;
    this.#request = asked?.id;
  }

  /** What is stored with rows that end at this position. */
  checkpoint(journals: Position): Json {
    const { backfill = 0 } = this.#task.plan;
    return { journals, backfill, ...(this.#request === undefined ? {} : { request: this.#request }) };
  }

  /**
   * Where the flow has it filled from history again, whether it fits or not, or says so of a target that does not fit;
   * where a user asked for it.
   */
  mayReshape(position: Json | undefined): boolean {
    const { plan } = this.#task;
    if (this.mayRemake(position)) return true;
    const found = position === undefined ? NOTHING_STORED : readCheckpoint(position);
    if (found === undefined) return false;
    return plan.onSchemaChange === "backfill" || found.backfill !== (plan.backfill ?? 0);
  }

  /** Whether all that the target has is to be emptied at a user's request, so that what is gone of it may be made anew. */
  mayRemake(position: Json | undefined): boolean {
    if (this.#asked === undefined || this.#asked.from !== undefined) return false;
    const found = position === undefined ? undefined : readCheckpoint(position);
    return found?.request !== this.#asked.id;
  }

  /** Does in the target what is asked and has not been done, and says where to read from. */
  async begin(session: TargetSession, report: Report): Promise<Position> {
    if (session.position === undefined) return {};
    const log = taskLog(this.#task.name, report);
    const { backfill = 0 } = this.#task.plan;
    const found = readCheckpoint(session.position);
    const asked = this.#asked !== undefined && this.#asked.id !== found?.request ? this.#asked : undefined;
    if (asked !== undefined && asked.from === undefined) {
      log.info("Empties the target and fills it from history, as weir backfill asked.");
      return this.#clear(session);
    }
    if (found === undefined) {
      throw new HaltError(
        `The checkpoint that the target of "${this.#task.name}" holds was not written by this version of Weir; run weir backfill ${this.#task.name}, which empties it and fills it from history, or materialize into a new name.`,
      );
    }
    if (found.backfill !== backfill) {
      log.info(
        `Empties the target and fills it from history: backfill is ${backfill}, and was ${found.backfill}.`,
      );
      return this.#clear(session);
    }
    if (this.#isPastCut(found.journals)) {
      log.warn(
        "Empties the target and fills it from history: it holds documents that were lost when the history was restored, since the store did not have them yet.",
      );
      return this.#clear(session);
    }
    if (asked?.from !== undefined) return this.#rewind(session, found.journals, asked.from, report);
    this.#request ??= found.request;
    return found.journals;
  }

  async #clear(session: TargetSession): Promise<Position> {
    await session.clear(this.checkpoint({}));
    return {};
  }

  /** Moves the position back; in a log, together with deleting what comes again. */
  async #rewind(
    session: TargetSession,
    found: Position,
    from: NonNullable<BackfillRequest["from"]>,
    report: Report,
  ): Promise<Position> {
    const journals = rewound(found, from);
    const moved = Object.keys(journals).filter((id) => journals[id]?.[1] !== found[id]?.[1]);
    taskLog(this.#task.name, report).info(
      `Reads again from an earlier position in ${moved.length} of ${Object.keys(found).length} journals, as weir backfill asked.`,
    );
    protocolPoint("materialization.rewind.before");
    if (this.#task.plan.mode === "delta") {
      if (session.rewind === undefined) {
        throw new HaltError(
          `The target of "${this.#task.name}" cannot delete a log's rows from a position on; run weir backfill without --from.`,
        );
      }
      const places = moved.map((journal) => ({ journal, offset: journals[journal]?.[1] ?? 0 }));
      await session.rewind(places, this.checkpoint(journals));
    } else await session.store([], this.checkpoint(journals));
    protocolPoint("materialization.rewind.after");
    return journals;
  }
}

const NOTHING_STORED: Checkpoint = { journals: {}, backfill: 0 };

function readCheckpoint(position: Json): Checkpoint | undefined {
  const { journals, backfill, request } = Object(position) as Record<string, unknown>;
  if (typeof journals !== "object" || journals === null || typeof backfill !== "number") return undefined;
  // `journals` is what `checkpoint` was given.
  return { journals: journals as Position, backfill, ...(typeof request === "string" ? { request } : {}) };
}
