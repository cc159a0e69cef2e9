import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { freePort } from "./free-port.ts";
import { type PostgresBinaries, postgresBinaries } from "./postgres-binaries.ts";
import { asUser, type SupervisedServer, startSupervised } from "./supervised.ts";

const run = promisify(execFile);

export interface PostgresOptions {
  /**
   * Whether commits reach the disk. Off by default: it only matters when the machine itself fails, which no test does;
   * a killed server finds all it committed in the system's cache. Benchmarks and the demo turn it on.
   */
  readonly fsync?: boolean;
  /** More settings, by their names in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface PostgresServer {
  /** Of the database `postgres`, with the password in it. */
  readonly url: string;
  /** Makes an empty database and gives its URL. */
  createDatabase(): Promise<string>;
  /** Ends the server, cleanly or as a crash, and starts it again on the same port and data. */
  restart(how?: "clean" | "crash"): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

/** `nobody`: Postgres refuses to run as root, and any other user will do. */
const NOBODY = 65534;
const READY_WITHIN_MS = 30_000;

/** A new, empty Postgres 18 on a free port of 127.0.0.1. It ends with this process, whatever ends that. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const dir = await mkdtemp(join(tmpdir(), "weir-postgres-"));
  try {
    const uid = process.getuid?.() === 0 ? NOBODY : undefined;
    if (uid !== undefined) await chown(dir, uid, uid);
    const binaries = await postgresBinaries(uid, join(dir, "native"));
    const password = randomBytes(12).toString("hex");
    await initialise(binaries, dir, password, uid);
    const port = await freePort();
    const start = () =>
      startSupervised({
        command: binaries.postgres,
        args: ["-D", join(dir, "data"), "-p", String(port), ...flags(options)],
        dir,
        stopSignal: "INT",
        uid,
      });
    return await serve(`postgres://weir:${password}@127.0.0.1:${port}`, start);
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

async function serve(origin: string, start: () => Promise<SupervisedServer>): Promise<PostgresServer> {
  const url = `${origin}/postgres`;
  let server = await start();
  await ready(server, url);
  return {
    url,
    createDatabase: async () => {
      const name = `weir_${randomBytes(6).toString("hex")}`;
      await withClient(url, (client) => client.query(`CREATE DATABASE ${name}`));
      return `${origin}/${name}`;
    },
    restart: async (how = "clean") => {
      await (how === "clean" ? server.stop("keep") : server.kill());
      await whileOldChildrenEnd(async () => {
        server = await start();
        await ready(server, url);
      });
    },
    stop: () => server.stop("remove"),
  };
}

/** After a crash the old server's children need a moment; until then a new one refuses to start. */
async function whileOldChildrenEnd(start: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 20) throw error;
      await pause(100);
    }
  }
}

/** A collation and time zone that are not the obvious ones, so that code which leans on them fails its tests. */
async function initialise(
  binaries: PostgresBinaries,
  dir: string,
  password: string,
  uid: number | undefined,
) {
  const passwordFile = join(dir, "password");
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (uid !== undefined) await chown(passwordFile, uid, uid);
  const args = ["--pgdata", join(dir, "data"), "--username=weir", `--pwfile=${passwordFile}`, "--no-sync"];
  args.push(
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=icu",
    "--icu-locale=en-US",
  );
  await run(binaries.initdb, args, { cwd: dir, ...asUser(uid) });
  await rm(passwordFile);
}

function flags({ fsync = false, settings = {} }: PostgresOptions): string[] {
  const all: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    wal_level: "logical",
    max_wal_size: "2GB",
    timezone: "Asia/Kolkata",
    datestyle: "SQL, DMY",
    ...(fsync ? {} : { fsync: "off", full_page_writes: "off" }),
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function ready(server: SupervisedServer, url: string): Promise<void> {
  const until = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      return void (await withClient(url, (client) => client.query("SELECT 1")));
    } catch (error) {
      if (server.running() && Date.now() < until) {
        await pause(50);
        continue;
      }
      const log = server.log();
      await server.stop("keep");
      throw new Error(`Postgres did not start; its log ends:\n${log}`, { cause: error });
    }
  }
}

export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
