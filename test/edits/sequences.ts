/** Several sequences, one after the other, each with a seed of its own. */

import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { integer, randomFrom } from "../faults/scenario.ts";
import { withClient } from "../servers/postgres.ts";
import { withRedis } from "../servers/redis.ts";
import { Project } from "./place.ts";
import { runSequence } from "./sequence.ts";

/** Inside the repository, so that flow files find `weir` and `zod` as a user's would. */
const SCRATCH = fileURLToPath(new URL("../../.scratch/", import.meta.url));

export interface SequencesOptions {
  /** Of the first sequence; each next one has the next number. */
  readonly seed: number;
  readonly sequences: number;
  /** Edits of a sequence at most. */
  readonly steps: number;
  readonly postgresUrl: string;
  readonly redisUrl: string;
  readonly print: (line: string) => void;
}

export async function runSequences(options: SequencesOptions): Promise<{ verdict: string; good: boolean }> {
  const { seed, sequences, steps, postgresUrl, redisUrl, print } = options;
  let [runs, different] = [0, 0];
  for (let i = 0; i < sequences; i++) {
    const own = seed + i;
    const random = randomFrom(own);
    mkdirSync(SCRATCH, { recursive: true });
    const directory = mkdtempSync(join(SCRATCH, "e-"));
    const databases: string[] = [];
    const redisUrls = [`${redisUrl}/13`, `${redisUrl}/14`] as const;
    for (const url of redisUrls) await withRedis(url, (redis) => redis.flushdb());
    const log: string[] = [];
    const started = performance.now();
    const result = await runSequence({
      project: new Project(directory),
      ...{ random, redisUrls },
      steps: integer(random, Math.min(2, steps), steps),
      database: async () => {
        const name = `edits_${randomBytes(6).toString("hex")}`;
        await withClient(postgresUrl, (client) => client.query(`CREATE DATABASE ${name}`));
        databases.push(name);
        const url = new URL(postgresUrl);
        url.pathname = `/${name}`;
        return url.href;
      },
      log: (message) => log.push(message),
    });
    runs += result.runs;
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    print(
      `seed ${own}: ${result.runs} runs, ${result.differences.length === 0 ? "no difference" : "DIFFERENT"} (${seconds} s)`,
    );
    if (result.differences.length > 0) {
      different++;
      const story = [...log, "", ...result.differences].join("\n");
      writeFileSync(join(directory, "story.txt"), `${story}\n`);
      print(`${log.join("\n")}\n${result.differences.slice(0, 12).join("\n")}`);
      print(
        `The flows are in ${directory}/steps, all that was said in story.txt. Repeat: --seed ${own} --sequences 1`,
      );
    } else rmSync(directory, { recursive: true, force: true });
    for (const name of databases) {
      await withClient(postgresUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    }
  }
  return { verdict: `${sequences} sequences, ${runs} runs, ${different} differences`, good: different === 0 };
}
