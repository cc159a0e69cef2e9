#!/usr/bin/env node
import nodeModule from "node:module";
import { Command, InvalidArgumentError, Option } from "commander";
import { parseFrom, parseLimit } from "./read-options.ts";
import { parseShards } from "./scale-options.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`weir: This is Node ${process.versions.node}; Weir needs 22.18 or newer.\n`);
  process.exit(1);
}

// TypeScript and esbuild are large: the second start takes them compiled.
nodeModule.enableCompileCache();

/** Each command's module is loaded when it is called: `run --plan` loads no compiler. */
const program = new Command("weir")
  .description("Continuous data flows as typed code: history, then live, exactly once.")
  .version(version())
  .showHelpAfterError("(weir --help lists the commands)")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 1));

const config = () =>
  new Option("--config <file>", "configuration file (default: the nearest weir.config.ts)");
const json = () => new Option("--json", "the same as --format json");

program
  .command("check")
  .description("type-check the flows and everything that types cannot say; exit 1 if there is an error")
  .argument("[files...]", "flow files or folders (default: those of the configuration)")
  .addOption(
    new Option("--format <format>", "output").choices(["text", "json", "github", "sarif"]).default("text"),
  )
  .addOption(json())
  .addOption(config())
  .action(async (files, options) => (await import("./commands/check.ts")).check(files, options));

program
  .command("build")
  .description("compile the flows to plan.json and bundles/")
  .argument("[files...]", "flow files or folders (default: those of the configuration)")
  .option("--out <dir>", "where to write", "weir-build")
  .option(
    "--parent [base]",
    "write which plan this one follows, which weir run --plan then holds it to (default: what last ran)",
  )
  .addOption(json())
  .addOption(config())
  .action(async (files, options) => (await import("./commands/build.ts")).build(files, options));

program
  .command("diff")
  .description("show what the flows, as they are now, would do to data")
  .argument(
    "[base]",
    "a git revision, a plan.json or its directory (default: what last ran in the data directory)",
  )
  .argument(
    "[files...]",
    "flow files or folders (default: those of the configuration); after -- for the default base",
  )
  .addOption(new Option("--format <format>", "output").choices(["text", "json", "markdown"]).default("text"))
  .addOption(json())
  .option("--exit-code", "exit 2 if there are changes")
  .addOption(
    new Option("--fail-on <verdict>", "exit 1 if the diff is that bad, or worse").choices([
      "destructive",
      "rebuild",
    ]),
  )
  .addOption(config())
  .action(async (base, files, options) =>
    (await import("./commands/diff.ts")).diff(base === undefined ? [] : [base, ...files], options),
  );

program
  .command("graph")
  .description("print the flows as a graph")
  .argument("[files...]", "flow files or folders (default: those of the configuration)")
  .option("--base [base]", "with what they change, against a base of weir diff (default: what last ran)")
  .addOption(new Option("--format <format>", "output").choices(["mermaid", "dot", "json"]).default("mermaid"))
  .addOption(json())
  .addOption(config())
  .action(async (files, options) => (await import("./commands/graph.ts")).graph(files, options));

program
  .command("run")
  .description("build the flows and run them, or run what was built")
  .argument("[files...]", "flow files or folders (default: those of the configuration)")
  .option("--plan <dir>", "run this build: neither compiler nor flow files are needed")
  .option("--once", "end when bounded sources are exhausted and every task has caught up")
  .addOption(
    new Option("--allow <verdict>", "apply a plan that gives up what is stored or kept in step now").choices([
      "destructive",
    ]),
  )
  .option("--json", "report as NDJSON on stdout")
  .addOption(config())
  .action(async (files, options) => (await import("./commands/run.ts")).run(files, options));

program
  .command("read")
  .description("print a collection's documents as NDJSON, from history to live")
  .argument("<collection>", "its name")
  .option("--partition <path>", "only this partition: country=NL, or one journal of it: country=NL/p=00")
  .option("--from <offset|time>", "an offset of one journal, or an ISO 8601 time", parsing(parseFrom))
  .option("--limit <n>", "documents at most", parsing(parseLimit))
  .option("--follow", "go on with live documents")
  .option("--reduced", "one fully reduced document per key")
  .option("--meta", "add _meta: { offset, at } to each document")
  .addOption(config())
  .action(async (collection, options) => (await import("./commands/read.ts")).read(collection, options));

program
  .command("status")
  .description("show each task's state, position, lag, rate and last error")
  .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
  .addOption(json())
  .addOption(config())
  .action(async (options) => (await import("./commands/status.ts")).status(options));

const deadLetters = program
  .command("deadletters")
  .description("list, show, replay or drop the documents that tasks have set aside");

deadLetters
  .command("list")
  .description("what was set aside, the oldest first")
  .argument("[task]", "only of this task: the collection that it fills")
  .option("--limit <n>", "letters at most", parsing(parseLimit), 100)
  .addOption(new Option("--json", "as JSON"))
  .addOption(config())
  .action(async (task, options) => (await import("./commands/deadletters.ts")).list(task, options));

deadLetters
  .command("show")
  .description("one of them: its error, its place and the document")
  .argument("<task>", "the collection that the task fills")
  .argument("<id>", "as list shows it")
  .addOption(new Option("--json", "as JSON"))
  .addOption(config())
  .action(async (task, id, options) => (await import("./commands/deadletters.ts")).show(task, id, options));

for (const [action, description] of [
  ["replay", "have them worked on once more, now"],
  ["drop", "forget them"],
] as const) {
  deadLetters
    .command(action)
    .description(description)
    .argument("<task>", "the collection that the task fills")
    .argument("[ids...]", "as list shows them")
    .option("--all", "all of the task's")
    .addOption(new Option("--json", "as JSON"))
    .addOption(config())
    .action(async (task, ids, options) =>
      (await import("./commands/deadletters.ts")).move(action, task, ids, options),
    );
}

program
  .command("scale")
  .description("run a derivation in so many shards from now on, each with a thread of its own")
  .argument("<task>", "the derived collection's name")
  .argument("<shards>", "how many, or auto: as many as suit the flow and the machine", parsing(parseShards))
  .option("--json", "print the result as JSON")
  .addOption(config())
  .action(async (task, shards, options) =>
    (await import("./commands/scale.ts")).scale(task, shards, options),
  );

program
  .command("backfill")
  .description(
    "empty a target and fill it again from history, or apply history to it again from a position on",
  )
  .argument("<target>", "its name, as weir status shows it: postgres:customer_spend")
  .option(
    "--from <offset|time>",
    "do not empty it: from an offset of one journal, or an ISO 8601 time",
    parsing(parseFrom),
  )
  .option("--partition <path>", "begin there in this partition only: country=NL, or country=NL/p=00")
  .option("--dry-run", "say what would be read and what becomes of the target, and do nothing")
  .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
  .addOption(json())
  .addOption(config())
  .action(async (target, options) => (await import("./commands/backfill.ts")).backfill(target, options));

program
  .command("drop")
  .description("delete what a rebuild has replaced and kept")
  .argument("[name]", "of the collection or target; without it, what is kept is listed")
  .option("--json", "print the result as JSON")
  .addOption(config())
  .action(async (name, options) => (await import("./commands/drop.ts")).drop(name, options));

program
  .command("restore")
  .description("make an empty data directory again from what the store has")
  .option("--dry-run", "say what would come back, and write nothing")
  .option("--json", "print the result as JSON")
  .addOption(config())
  .action(async (options) => (await import("./commands/restore.ts")).restore(options));

program
  .command("explain")
  .description("explain a diagnostic's code")
  .argument("<code>", "for instance WEIR1001")
  .action(async (code) => (await import("./commands/explain.ts")).explain(code));

// `weir read … | head` closes our stdout: that is how it is meant to end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Error)) throw error;

  process.stderr.write(`weir: ${process.env.WEIR_DEBUG ? error.stack : error.message}\n`);
  process.exit(1);
}

function parsing<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

function version(): string {
  const require = nodeModule.createRequire(import.meta.url);
  return (require("weir/package.json") as { version: string }).version; // our own package.json
}
