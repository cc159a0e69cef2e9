/** One sequence: flows that are edited again and again, each run to rest, held against the oracle and, at the end, a fresh run. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diff } from "../../compiler/diff/index.ts";
import type { ProtocolPoint } from "../../connectors/protocol-point.ts";
import { definitionHash } from "../../plan/definition-hash.ts";
import { PlanChangeError } from "../../runtime/changes.ts";
import { differences } from "../faults/difference.ts";
import { integer, oneOf } from "../faults/scenario.ts";
import { events, lines, orders } from "./documents.ts";
import { type Edited, type Editing, edit, firstFlow, unfit, withoutRenames } from "./edit.ts";
import { flowText, keyPrefix } from "./flow-text.ts";
import { type Flow, made, nameOf, type Target } from "./model.ts";
import { type Document, rowsOf, type Sources, targetRows } from "./oracle.ts";
import { type Build, Place, type Project, type Ran, type Row, textOrNothing } from "./place.ts";

export interface SequenceParts {
  readonly project: Project;
  readonly random: () => number;
  /** Of edits. */
  readonly steps: number;
  /** An empty database of its own for each call. */
  database(): Promise<string>;
  /** An empty Redis for what is edited, and one for the fresh run. */
  readonly redisUrls: readonly [string, string];
  log(message: string): void;
}

export interface SequenceResult {
  readonly runs: number;
  /** Sentences, of the first step that differs. */
  readonly differences: readonly string[];
}

/** Where a process is killed that applies an edit. */
const KILLS: readonly ProtocolPoint[] = [
  ...(["start.journals.after", "start.plan.after", "derivation.commit.after"] as const),
  ...(["materialization.store.before", "materialization.store.after", "drop.before"] as const),
  ...([
    "rebuild.stop.before",
    "rebuild.swaps.before",
    "postgres.swap.before",
    "postgres.swap.after",
  ] as const),
  ...(["rebuild.swap.after", "rebuild.flip.before", "rebuild.flip.after"] as const),
];

export async function runSequence(parts: SequenceParts): Promise<SequenceResult> {
  const sequence = new Sequence(parts, await placeOf(parts, "edited", 0));
  try {
    await sequence.run();
    return { runs: sequence.runs, differences: [] };
  } catch (error) {
    if (error instanceof Different) return { runs: sequence.runs, differences: error.all };
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { runs: sequence.runs, differences: [`it threw ${said}`] };
  }
}

async function placeOf({ project, database, redisUrls }: SequenceParts, name: string, which: 0 | 1) {
  return Place.make({ project, name, database: await database(), redis: redisUrls[which] });
}

class Different extends Error {
  readonly all: readonly string[];

  constructor(all: readonly string[]) {
    super(all.join("\n"));
    this.all = all;
  }
}

class Sequence {
  readonly #parts: SequenceParts;
  readonly #place: Place;
  readonly #editing: Editing;
  readonly #earlier: Flow[] = [];
  readonly #sources: { orders: number; events: number; readonly notes: Sources["notes"] };
  #step = 0;
  runs = 0;

  constructor(parts: SequenceParts, place: Place) {
    const { random } = parts;
    const notes = oneOf(random, ["none", "none", "some", "all"] as const);
    this.#parts = parts;
    this.#place = place;
    this.#editing = { random, count: 0, scrambled: false, notes, hashOf: (name) => this.#hashOf(name) };
    this.#sources = { orders: oneOf(random, [30, 30, 2000]), events: 20, notes };
  }

  async run(): Promise<void> {
    const { random, steps } = this.#parts;
    let flow = firstFlow(this.#editing);
    this.#writeSources();
    await this.#apply(flow, "the first flow");
    for (let i = 0; i < steps; i++) {
      if (random() < 0.6) this.#grow();
      if (random() < 0.12) await this.#halt(flow);
      const before = flow;
      let { flow: next, says, continued } = this.#next(flow);
      if (random() < 0.35) {
        next = this.#appliable(next);
        await this.#interrupt(next, says);
        continued = undefined;
        const then = random();
        if (then < 0.35) [next, says] = [this.#fitted(before), "back to what was before"];
        else if (then < 0.7) ({ flow: next, says } = edit(next, this.#editing));
        if (then < 0.7 && random() < 0.3) this.#grow();
      }
      flow = this.#appliable(next);
      await this.#apply(flow, says, continued);
      if (random() < 0.15) await this.#drop();
    }
    await this.#compareWithFresh(flow);
  }

  #hashOf(name: string): string | undefined {
    const derivation = this.#last?.plan.derivations[name];
    return derivation && definitionHash(derivation);
  }

  #next(flow: Flow): Edited {
    const { random } = this.#parts;
    const back = this.#earlier.length > 1 && random() < 0.15;
    return back
      ? { flow: this.#fitted(oneOf(random, this.#earlier)), says: "back to an earlier flow" }
      : edit(flow, this.#editing);
  }

  #appliable(flow: Flow): Flow {
    return made(flow, this.#editing.scrambled);
  }

  #fitted(flow: Flow): Flow {
    return made(withoutRenames(flow), this.#editing.scrambled);
  }

  #writeSources(): void {
    const { project } = this.#parts;
    const { orders: count, events: eventCount, notes } = this.#sources;
    for (const path of ["a", "b"] as const) {
      project.write(`orders-${path}.ndjson`, lines(orders(path, count, notes)));
      project.write(`events-${path}.ndjson`, lines(events(path, eventCount)));
    }
  }

  #grow(): void {
    const { random } = this.#parts;
    this.#sources.orders += integer(random, 1, 15);
    this.#sources.events += integer(random, 0, 8);
    this.#writeSources();
  }

  async #compiled(flow: Flow, says: string): Promise<Build> {
    const text = flowText(flow);
    this.#step++;
    this.#parts.log(`${this.#step}. ${says}`);
    const directory = join(this.#parts.project.directory, "steps");
    if (!existsSync(directory)) mkdirSync(directory);
    writeFileSync(join(directory, `${this.#step}.flow.ts`), `// ${says}\n${text}`);
    return this.#parts.project.compile(text);
  }

  /** One run of that plan, or of the one that was interrupted first, where that has to be ended. */
  async #start<T>(start: () => Promise<T>): Promise<T> {
    try {
      this.runs++;
      return await start();
    } catch (error) {
      const interrupted = this.#interrupted;
      // docs: what shows the new already cannot be given up. The message says to run that plan first.
      if (!(error instanceof PlanChangeError) || !error.message.includes("is being applied here"))
        throw error;
      if (interrupted === undefined) throw error;
      this.#parts.log("   the interrupted plan has to be ended first");
      this.runs++;
      this.#expectNone(await this.#place.run(interrupted));
      this.runs++;
      return await start();
    }
  }

  #interrupted: Build | undefined;
  #last: Build | undefined;

  /** `continued`: the collection of which nothing must be derived again. */
  async #apply(flow: Flow, says: string, continued?: string): Promise<void> {
    const build = await this.#compiled(flow, says);
    this.#noteScrambling(flow);
    if (continued !== undefined) await this.#checkContinued(continued, build);
    const ran = await this.#start(() => this.#place.run(build));
    this.#last = build;
    this.#expectNone(ran);
    await this.#check(flow, build, ran);
    this.#interrupted = undefined;
    this.#earlier.push(flow);
  }

  async #checkContinued(name: string, build: Build): Promise<void> {
    const { changes } = await this.#place.diff(build);
    const action = changes.find((change) => change.name === name)?.action;
    if (action !== "code-only")
      throw new Different([`${name} should go on with other code, and not: ${action}`]);
  }

  #expectNone({ halted, log }: Ran): void {
    if (halted.length > 0) throw new Different([`${halted.join(", ")} halted`, ...log]);
  }

  #noteScrambling({ orders: { partitions, partitionBy } }: Flow): void {
    if (partitions > 1 || partitionBy) this.#editing.scrambled = true;
  }

  async #interrupt(flow: Flow, says: string): Promise<void> {
    const { random, log } = this.#parts;
    const build = await this.#compiled(flow, says);
    this.#noteScrambling(flow);
    if (random() < 0.6) {
      const ms = oneOf(random, [0, 50, 200, 500, 1500]);
      log(`   interrupted after ${ms} ms`);
      this.#expectNone(await this.#start(() => this.#place.begin(build, ms)));
    } else {
      const point = oneOf(random, KILLS);
      const occurrence = integer(random, 1, 3);
      const fault = { point, occurrence, phase: "any", action: "kill" } as const;
      const fired = await this.#start(() => this.#place.kill(build, fault));
      log(`   ${fired ? "killed at" : "never came to"} ${point} (${occurrence})`);
    }
    this.#interrupted = build;
    this.#last = build;
  }

  /** A captured schema that does not fit: it says so, all that stands stays, and the flow before goes on. */
  async #halt(flow: Flow): Promise<void> {
    const { flow: narrowed, says } = unfit(flow, this.#editing);
    const build = await this.#compiled(narrowed, says);
    const { halted, log } = await this.#start(() => this.#place.run(build));
    const beside = `${narrowed.orders.name}~`;
    if (!halted.some((name) => name.startsWith(beside)))
      throw new Different([`${beside} should have halted; halted: ${halted.join(", ")}`, ...log]);
    this.#interrupted = build;
    this.#last = build;
    await this.#checkTargets(flow);
    await this.#apply(withoutRenames(flow), "back to a schema that fits");
  }

  async #drop(): Promise<void> {
    const { kept } = await this.#place.atRest([]);
    this.#parts.log(`   drops ${kept.join(", ") || "nothing"}`);
    await this.#place.drop(kept);
    const { kept: left } = await this.#place.atRest([]);
    if (left.length > 0) throw new Different([`${left.join(", ")} should have been dropped`]);
  }

  async #check(flow: Flow, build: Build, { log }: Ran): Promise<void> {
    const found: string[] = [];
    const { changes } = await this.#place.diff(build);
    if (changes.length > 0) found.push(`weir diff says ${JSON.stringify(changes)}`);
    const ids = collectionsOf(flow);
    const { rows, rebuilt, applied } = await this.#place.atRest(ids.map((id) => nameOf(flow, id)));
    if (rebuilt.length > 0) found.push(`${rebuilt.join(", ")} are still being made again`);
    // What is no longer declared stays in what was applied, and fields that were removed stay in its schemas.
    const left = diff(applied, build.plan).changes.filter(
      ({ action }) => action === "rebuild" || action === "create",
    );
    if (left.length > 0) found.push(`what was applied is not the plan: ${JSON.stringify(left)}`);
    for (const id of ids) {
      const name = nameOf(flow, id);
      const expected = rowsOf(flow, id, this.#sources);
      found.push(...compared(name, expected.map(textRow), (rows.get(name) ?? []).map(textRow)));
    }
    if (found.length > 0) throw new Different([...found, ...log]);
    await this.#checkTargets(flow, log);
  }

  async #checkTargets(flow: Flow, log: readonly string[] = []): Promise<void> {
    const found: string[] = [];
    for (const target of flow.targets) {
      const expected = targetRows(flow, target, this.#sources).map(textRow);
      const there = await shownOf(this.#place, flow, target, expected);
      found.push(...compared(`${target.system} ${target.name}`, expected, there));
    }
    if (found.length > 0) throw new Different([...found, ...log]);
  }

  async #compareWithFresh(flow: Flow): Promise<void> {
    const last = withoutRenames(flow);
    const place = await placeOf(this.#parts, "fresh", 1);
    const build = await this.#compiled(last, "the last flow, fresh");
    this.runs++;
    const ran = await place.run(build);
    this.#expectNone(ran);
    const names = collectionsOf(last).map((id) => nameOf(last, id));
    const [edited, fresh] = [await this.#place.atRest(names), await place.atRest(names)];
    const found = names.flatMap((name) =>
      compared(
        `fresh ${name}`,
        (fresh.rows.get(name) ?? []).map(textRow),
        (edited.rows.get(name) ?? []).map(textRow),
      ),
    );
    for (const target of last.targets) {
      const read = (from: Place) => rawOf(from, last, target);
      const [expected, there] = [await read(place), await read(this.#place)];
      const columns = new Set(expected.flatMap((row) => Object.keys(row)));
      // Columns that no field has any more stay, and where a row lies in a journal is another matter.
      const held = (row: Row) =>
        Object.fromEntries(Object.entries(row).filter(([name]) => columns.has(name) && !PLACES.has(name)));
      found.push(...compared(`fresh ${target.name}`, expected.map(held), there.map(held)));
    }
    if (found.length > 0) throw new Different([...found, ...ran.log]);
  }
}

/** Of a row for each document: where it lies, and when it came. */
const PLACES: ReadonlySet<string> = new Set(["weir_journal", "weir_offset", "weir_at"]);

function collectionsOf(flow: Flow): readonly string[] {
  return ["orders", ...(flow.events ? ["events"] : []), ...flow.derivations.map(({ id }) => id)];
}

function textRow(document: Document): Row {
  return Object.fromEntries(Object.entries(document).map(([name, value]) => [name, textOrNothing(value)]));
}

function rawOf(place: Place, flow: Flow, target: Target): Promise<readonly Row[]> {
  return target.system === "postgres" ? place.table(target.name) : place.keys(keyPrefix(flow, target));
}

/** What the target shows of the fields that the schema names, by their names. JSON in Redis holds what an open one lets in too. */
async function shownOf(
  place: Place,
  flow: Flow,
  target: Target,
  expected: readonly Row[],
): Promise<readonly Row[]> {
  const rows = await rawOf(place, flow, target);
  const fields = Object.keys(expected[0] ?? rows[0] ?? {});
  return rows.map((row) =>
    Object.fromEntries(
      fields.map((field) => {
        const column = target.system === "postgres" ? target.columns[field] : undefined;
        return [field, row[typeof column === "string" ? column : field]];
      }),
    ),
  );
}

/** As sets with counts. */
function compared(what: string, expected: readonly Row[], there: readonly Row[]): string[] {
  const counted = (rows: readonly Row[]) => {
    const counts = new Map<string, number>();
    for (const row of rows) {
      const text = JSON.stringify(
        Object.entries(row)
          .filter(([, value]) => value !== undefined)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    return new Map([...counts].map(([text, count]) => [text, `there ${count} times`]));
  };
  return differences(what, counted(expected), counted(there));
}
