/** Holds every journal, every target and the store against the oracle. */
import { join } from "node:path";
import { askRunning, json } from "../../runtime/control/client.ts";
import type { StatusReport } from "../../runtime/status-report.ts";
import { withClient } from "../servers/postgres.ts";
import { withRedis } from "../servers/redis.ts";
import { byKey, differences } from "./difference.ts";
import type { Sent } from "./feeder.ts";
import { type JournalDocument, readCollection } from "./journals.ts";
import { checkLake, fragmentsInDirectory, fragmentsInS3 } from "./lake.ts";
import {
  checkCaptured,
  checkDense,
  type Expected,
  expectedOf,
  reducedBalances,
  reducedSizes,
  text,
} from "./oracle.ts";
import type { StoreConfig } from "./project.ts";

const COLLECTIONS = [
  "bank/transfers",
  "bank/owners",
  "bank/balances",
  "bank/enriched",
  "bank/sizes",
] as const;
type Journals = Readonly<Record<(typeof COLLECTIONS)[number], readonly JournalDocument[]>>;

export interface Places {
  readonly dataDir: string;
  readonly store: StoreConfig;
  readonly database: string;
  readonly redis: string;
}

/** While the runtime runs and has caught up. */
export async function readJournals(dataDir: string): Promise<Journals> {
  const read: [string, readonly JournalDocument[]][] = [];
  for (const name of COLLECTIONS) read.push([name, await readCollection(dataDir, name)]);
  return Object.fromEntries(read) as Journals; // has every name
}

export function compareJournals(journals: Journals, sent: Sent): string[] {
  const expected = expectedOf(journals["bank/transfers"], journals["bank/owners"]);
  return [
    ...COLLECTIONS.flatMap((name) => checkDense(name, journals[name])),
    ...checkCaptured("bank/transfers", journals["bank/transfers"], sent.transfers),
    ...checkCaptured("bank/owners", journals["bank/owners"], sent.owners),
    ...differences("bank/balances", expected.balances, reducedBalances(journals["bank/balances"])),
    ...differences(
      "bank/enriched",
      byKey(
        expected.enriched.entries(),
        ([at]) => `offset ${at}`,
        ([, line]) => line,
      ),
      byKey(
        journals["bank/enriched"].entries(),
        ([at]) => `offset ${at}`,
        ([, { document }]) => text(document),
      ),
    ),
    ...differences("bank/sizes", expected.sizes, reducedSizes(journals["bank/sizes"])),
  ];
}

export async function compareTargets(journals: Journals, { database, redis }: Places): Promise<string[]> {
  const expected = expectedOf(journals["bank/transfers"], journals["bank/owners"]);
  return [...(await comparePostgres(database, journals, expected)), ...(await compareRedis(redis, expected))];
}

async function comparePostgres(database: string, journals: Journals, expected: Expected): Promise<string[]> {
  return withClient(database, async (client) => {
    const rows = async (table: string): Promise<Record<string, unknown>[]> =>
      (await client.query<Record<string, unknown>>(`SELECT * FROM ${table}`)).rows;
    const log = await rows("transfers_log");
    return [
      ...differences(
        "the table transfers_log",
        byKey(
          journals["bank/transfers"],
          ({ journal, offset }) => `${journal}@${offset}`,
          ({ document }) => text(document),
        ),
        byKey(
          log,
          (row) => `${pathOf(String(row.weir_journal))}@${row.weir_offset}`,
          (row) => text(withoutPlace(row)),
        ),
      ),
      ...differences(
        "the table balances",
        expected.balances,
        byKey(
          await rows("balances"),
          ({ account }) => String(account),
          (row) => text(withNumbers(row)),
        ),
      ),
      ...differences(
        "the table enriched",
        byKey(expected.enriched, (line) => idOf(line), String),
        byKey(
          await rows("enriched"),
          (row) => idOf(text(withNumbers(row))),
          (row) => text(withNumbers(row)),
        ),
      ),
      ...differences(
        "the table sizes",
        expected.sizes,
        byKey(
          occupied(await rows("sizes")),
          ({ size }) => String(size),
          (row) => text(withNumbers(row)),
        ),
      ),
    ];
  });
}

async function compareRedis(url: string, expected: Expected): Promise<string[]> {
  return withRedis(url, async (redis) => {
    const hashes = async (pattern: string) =>
      Promise.all((await redis.keys(pattern)).map((key) => redis.hgetall(key)));
    const balances = (await hashes("balance:*")).map(({ ids = "[]", ...rest }) => ({
      ...rest,
      ids: JSON.parse(ids),
    }));
    const sizes = occupied(await hashes("size:*"));
    return [
      ...differences(
        "Redis balance:*",
        expected.balances,
        byKey(balances.map(withNumbers), ({ account }) => String(account), text),
      ),
      ...differences(
        "Redis size:*",
        expected.sizes,
        byKey(sizes.map(withNumbers), ({ size }) => String(size), text),
      ),
    ];
  });
}

/** By collection, where it is in the store: a generation that was made again has a folder of its own. */
type Folders = ReadonlyMap<string, string>;

export async function readFolders(dataDir: string): Promise<Folders> {
  const answer = await askRunning(dataDir, "/status");
  if (answer === undefined) throw new Error(`Nothing runs on ${dataDir}.`);
  const { collections } = (await json(answer)) as StatusReport; // the server's own form
  return new Map(collections.map(({ name, folder }) => [name, folder]));
}

/** After the runtime was stopped, which moves everything to the store. */
export async function compareStore(
  journals: Journals,
  { dataDir, store }: Places,
  folders: Folders = new Map(),
): Promise<string[]> {
  const found: string[] = [];
  for (const name of COLLECTIONS) {
    const folder = folders.get(name) ?? name;
    const fragments =
      store.kind === "s3"
        ? await fragmentsInS3(store, folder)
        : fragmentsInDirectory(join(dataDir, "store"), folder);
    found.push(...checkLake(name, fragments, journals[name]));
  }
  return found;
}

const NUMBERS = new Set(["cents", "transfers", "id", "nth", "total", "accounts"]);

/** Drivers give some integers as text. */
function withNumbers(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, NUMBERS.has(name) ? Number(value) : value]),
  );
}

function withoutPlace(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return withNumbers(Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith("weir_"))));
}

function occupied<T extends Readonly<Record<string, unknown>>>(rows: readonly T[]): T[] {
  return rows.filter(({ accounts }) => Number(accounts) !== 0);
}

/** `bank/transfers/region=north/p=00#5f…` has the journal's path. */
function pathOf(journal: string): string {
  return journal.replace(/^bank\/transfers\//, "").replace(/#.*$/, "");
}

function idOf(line: string): string {
  return String((JSON.parse(line) as { id: number }).id);
}
