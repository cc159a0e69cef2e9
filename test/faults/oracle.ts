/** What must be there: plain loops over what was sent, in the order in which the captures' journals have it. */
import type { Owner, Transfer } from "./bank.ts";
import { byKey, differences } from "./difference.ts";
import { type JournalDocument, merged } from "./journals.ts";

/** Every journal begins at 0, has every offset once, and its times never fall. */
export function checkDense(collection: string, documents: readonly JournalDocument[]): string[] {
  const next = new Map<string, JournalDocument>();
  for (const document of documents) {
    const { journal, offset, at } = document;
    const before = next.get(journal);
    const expected = before === undefined ? 0 : before.offset + 1;
    if (offset !== expected)
      return [`${collection}/${journal}: offset ${expected} should follow, and ${offset} does`];
    if (before !== undefined && at < before.at)
      return [`${collection}/${journal}: the time falls at offset ${offset}`];
    next.set(journal, document);
  }
  return [];
}

/** Each document that was sent is there once; in each journal they are in the order in which they were sent. */
export function checkCaptured(
  collection: string,
  documents: readonly JournalDocument[],
  sent: readonly (Transfer | Owner)[],
): string[] {
  const numberOf = (document: object) =>
    Number("id" in document ? document.id : "no" in document ? document.no : -1);
  const found = differences(
    collection,
    byKey(sent, (one) => `${numberOf(one)}`, text),
    byKey(
      documents,
      ({ document }) => `${numberOf(document)}`,
      ({ document }) => text(document),
    ),
  );
  const newest = new Map<string, number>();
  for (const { journal, offset, document } of documents) {
    const number = numberOf(document);
    const before = newest.get(journal) ?? -1;
    if (number <= before)
      return [...found, `${collection}/${journal}: ${number} at offset ${offset} comes after ${before}`];
    newest.set(journal, number);
  }
  return found;
}

export interface Expected {
  readonly balances: ReadonlyMap<string, string>;
  /** In the order of their journal. */
  readonly enriched: readonly string[];
  readonly sizes: ReadonlyMap<string, string>;
}

interface Balance {
  cents: number;
  transfers: number;
  ids: number[];
}

export function expectedOf(
  transfers: readonly JournalDocument[],
  owners: readonly JournalDocument[],
): Expected {
  const balances = new Map<string, Balance>();
  for (const { document } of merged(transfers)) {
    const { id, account, cents, closes } = document as unknown as Transfer; // checked against what was sent
    if (closes) {
      balances.delete(account);
      continue;
    }
    const balance = balances.get(account) ?? { cents: 0, transfers: 0, ids: [] };
    balances.set(account, balance);
    balance.cents += cents;
    balance.transfers += 1;
    balance.ids.push(id);
  }
  return {
    balances: new Map([...balances].map(([account, balance]) => [account, text({ account, ...balance })])),
    enriched: enrichedOf(transfers, owners),
    sizes: sizesOf([...balances.values()]),
  };
}

function enrichedOf(transfers: readonly JournalDocument[], owners: readonly JournalDocument[]): string[] {
  const states = new Map<string, { owner: string; nth: number; total: number }>();
  const stateOf = (account: string) => {
    const state = states.get(account) ?? { owner: "", nth: 0, total: 0 };
    states.set(account, state);
    return state;
  };
  const enriched: string[] = [];
  for (const { source, document } of merged(transfers, owners)) {
    if (source === 1) {
      const { account, owner } = document as unknown as Owner; // checked against what was sent
      stateOf(account).owner = owner;
      continue;
    }
    const { region, id, account, cents } = document as unknown as Transfer;
    const state = stateOf(account);
    state.nth += 1;
    state.total += cents;
    enriched.push(text({ region, id, account, ...state }));
  }
  return enriched;
}

function sizesOf(balances: readonly Balance[]): Map<string, string> {
  const sizes = new Map<string, { accounts: number; cents: number }>();
  for (const { cents } of balances) {
    const size = cents < 0 ? "debt" : cents < 5_000 ? "small" : "large";
    const row = sizes.get(size) ?? { accounts: 0, cents: 0 };
    sizes.set(size, { accounts: row.accounts + 1, cents: row.cents + cents });
  }
  return new Map([...sizes].map(([size, row]) => [size, text({ size, ...row })]));
}

/** The journal of balances, which has them combined as they came: what it comes to, and nothing else, is certain. */
export function reducedBalances(documents: readonly JournalDocument[]): Map<string, string> {
  const balances = new Map<string, Balance>();
  for (const { removed, document } of merged(documents)) {
    const { account, cents, transfers, ids } = document as unknown as Balance & { account: string };
    if (removed) {
      balances.delete(account);
      continue;
    }
    const balance = balances.get(account) ?? { cents: 0, transfers: 0, ids: [] };
    balances.set(account, {
      cents: balance.cents + cents,
      transfers: balance.transfers + transfers,
      ids: [...balance.ids, ...ids],
    });
  }
  return new Map([...balances].map(([account, balance]) => [account, text({ account, ...balance })]));
}

/** Likewise the journal of sizes; one that nobody has any more keeps a row of zeros. */
export function reducedSizes(documents: readonly JournalDocument[]): Map<string, string> {
  const sizes = new Map<string, { accounts: number; cents: number }>();
  for (const { document } of documents) {
    const { size, accounts, cents } = document as unknown as {
      size: string;
      accounts: number;
      cents: number;
    };
    const row = sizes.get(size) ?? { accounts: 0, cents: 0 };
    sizes.set(size, { accounts: row.accounts + accounts, cents: row.cents + cents });
  }
  return new Map(
    [...sizes]
      .filter(([, { accounts }]) => accounts !== 0)
      .map(([size, row]) => [size, text({ size, ...row })]),
  );
}

/** With its properties in the order of their names. */
export function text(value: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}
