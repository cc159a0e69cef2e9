/** One files capture: goes through the files, and keeps the cursor in step with what it appends. */
import type { CaptureContext } from "../driver.ts";
import { HaltError } from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { AppendWindow } from "./append-window.ts";
import { type FilesConfig, formatOf } from "./config.ts";
import { type Cursor, compareNames, decodeCursor, encodeCursor, type FileProgress, START } from "./cursor.ts";
import type { FileSearch, FoundFile } from "./find-files.ts";
import { provenance } from "./provenance.ts";
import { readCsv } from "./read-csv.ts";
import { readJsonArray } from "./read-json.ts";
import { readNdjson } from "./read-ndjson.ts";
import type { RowBatch, RowRules } from "./rows.ts";
import { checkUnchanged, isGzip, markProgress, sizeOf } from "./source-file.ts";

/** Files that are followed at once: each has its place in the cursor, which every append writes. */
export const MAX_WATCHED = 2_000;

export class FilesCapture {
  readonly #context: CaptureContext;
  readonly #config: FilesConfig;
  readonly #search: FileSearch;
  readonly #appends: AppendWindow;
  /** Names of the files that were compared with what the cursor says of them. */
  readonly #checked = new Set<string>();
  #cursor: Cursor;

  constructor(context: CaptureContext, config: FilesConfig, search: FileSearch) {
    this.#context = context;
    this.#config = config;
    this.#search = search;
    this.#appends = new AppendWindow((batch, cursor) => context.append(batch, cursor));
    this.#cursor = decodeCursor(context.cursor);
  }

  /** Reads every file that is there, to its end; true if there were any. */
  async readAll(): Promise<boolean> {
    const found = await this.#search.find();
    this.#checkOrder(found);
    if (this.#config.watch) this.#checkWatched(found);
    else this.#checkPresent(found);
    try {
      for (const [index, file] of found.entries()) {
        if (this.#context.signal.aborted) break;
        if (this.#isDone(file)) continue;
        if (!this.#config.watch) this.#finishBefore(found, index);
        await this.#read(file);
      }
    } finally {
      // Rows before a bad one are stored before it is reported.
      await this.#appends.drain();
    }
    return found.length > 0 || this.#cursor.doneUpTo !== undefined || this.#cursor.files.size > 0;
  }

  async #read(file: FoundFile): Promise<void> {
    const size = await sizeOf(file);
    const grows = formatOf(this.#config, file) === "ndjson" && !isGzip(file);
    let progress = this.#cursor.files.get(file.name);
    if (progress) {
      // Of a file that has been read a change of size is noticed at once, any other when the capture starts.
      const settled = progress.endedAt === size || (grows && progress.byte === size);
      if (settled && this.#checked.has(file.name)) return;
      await checkUnchanged(file, progress, size);
      this.#checked.add(file.name);
      if (settled) return;
      if (progress.endedAt !== undefined && !grows) throw changedAfterwards(file, progress.endedAt, size);
    }
    for await (const { item, last } of markLast(this.#rows(file, progress))) {
      const marked = await markProgress(file, item.position, progress);
      const endedAt = grows ? item.position.byte : size;
      progress = last ? { ...marked, endedAt } : marked;
      this.#cursor = { ...this.#cursor, files: new Map(this.#cursor.files).set(file.name, progress) };
      await this.#appends.push(item.batch, encodeCursor(this.#cursor));
      if (this.#context.signal.aborted) return;
    }
    protocolPoint("files.file.after");
  }

  #rows(file: FoundFile, progress: FileProgress | undefined): AsyncGenerator<RowBatch> {
    const { collection } = this.#context;
    const amend = provenance(file.name, this.#config.provenance);
    const rules: RowRules = {
      validate: (document) => this.#context.validate(document),
      recognise: amend ? undefined : this.#context.recognise,
      amend,
      setsAside: this.#context.setsAside,
    };
    const start = progress ?? START;
    switch (formatOf(this.#config, file)) {
      case "ndjson":
        return readNdjson(file, start, rules, this.#config.watch && !isGzip(file));
      case "json":
        return readJsonArray(file, start, rules);
      case "csv":
        return readCsv(file, start, rules, collection.schema);
    }
  }

  #isDone({ name }: FoundFile): boolean {
    const { doneUpTo, files } = this.#cursor;
    return doneUpTo !== undefined && compareNames(name, doneUpTo) <= 0 && !files.has(name);
  }

  /** Keeps the cursor small: what comes before the file that is read now needs no place of its own. */
  #finishBefore(found: readonly FoundFile[], index: number): void {
    const doneUpTo = found[index - 1]?.name;
    if (doneUpTo === undefined) return;
    const files = new Map([...this.#cursor.files].filter(([name]) => compareNames(name, doneUpTo) > 0));
    this.#cursor = { doneUpTo, doneFiles: index, files };
  }

  /** A file that turns up among those that are done would be passed over without a word. */
  #checkOrder(found: readonly FoundFile[]): void {
    const { doneUpTo, doneFiles } = this.#cursor;
    if (doneUpTo === undefined) return;
    const late = found.filter((file) => this.#isDone(file)).length - doneFiles;
    if (late <= 0) return;
    throw new HaltError(
      `${late} new file(s) in ${this.#search.directory} sort before ${doneUpTo}, up to which all files have been read. ` +
        "Give new files names that sort after it.",
    );
  }

  #checkPresent(found: readonly FoundFile[]): void {
    const present = new Set(found.map(({ name }) => name));
    for (const [name, { row, endedAt }] of this.#cursor.files) {
      if (present.has(name) || endedAt !== undefined) continue;
      throw new HaltError(
        `${name} is gone from ${this.#search.directory}, of which ${row} rows were read so far. Put it back.`,
      );
    }
  }

  #checkWatched(found: readonly FoundFile[]): void {
    const followed = found.filter((file) => !this.#isDone(file)).map(({ name }) => name);
    if (followed.length > MAX_WATCHED) {
      throw new HaltError(
        `${this.#config.path} matches ${followed.length} files, and at most ${MAX_WATCHED} can be watched. ` +
          "Read them once without watch, or move files away that have been read.",
      );
    }
    if (new Set([...followed, ...this.#cursor.files.keys()]).size <= MAX_WATCHED) return;
    // Only now are files forgotten that are no longer there: should one come back, it would be read again.
    const present = new Set(followed);
    const files = new Map([...this.#cursor.files].filter(([name]) => present.has(name)));
    this.#cursor = { ...this.#cursor, files };
  }
}

function changedAfterwards(file: FoundFile, before: number, now: number): HaltError {
  return new HaltError(
    `${file.shown} was changed after it had been read: ${before} bytes then, ${now} now. ` +
      "Restore it, and put new rows into a new file; only plain NDJSON files may grow.",
  );
}

/** Tells the last item; one that is followed by an error is not. */
async function* markLast<T>(items: AsyncGenerator<T>): AsyncGenerator<{ item: T; last: boolean }> {
  let held: { item: T } | undefined;
  try {
    for await (const item of items) {
      if (held) yield { item: held.item, last: false };
      held = { item };
    }
  } catch (error) {
    if (held) yield { item: held.item, last: false };
    throw error;
  }
  if (held) yield { item: held.item, last: true };
}
