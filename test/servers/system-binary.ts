/** Finds a program of the system, or installs it where that can be done without asking: as root, on Debian and its kin. */
import { execFile } from "node:child_process";
import { access, constants, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Its path. Fails with one sentence, which begins with `who`, where it is missing and cannot be installed.
 * `aptPackage` is the name that Debian, and mostly Homebrew, has for it.
 */
export async function systemBinary(name: string, aptPackage: string, who: string): Promise<string> {
  const found = await find(name);
  if (found !== undefined) return found;
  const missing = `${who} a real "${name}" on the PATH; install it, for instance with "apt-get install ${aptPackage}" or "brew install ${aptPackage}".`;
  if (process.getuid?.() !== 0 || (await find("apt-get")) === undefined) throw new Error(missing);
  await install(aptPackage).catch((error: Error) => {
    throw new Error(`${missing} Installing it by apt failed.`, { cause: error });
  });
  const installed = await find(name);
  if (installed === undefined) throw new Error(missing);
  return installed;
}

async function find(name: string): Promise<string | undefined> {
  // Debian's own places are not on everybody's PATH.
  for (const dir of [...(process.env.PATH ?? "").split(delimiter), "/usr/bin", "/usr/sbin"]) {
    const path = join(dir, name);
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (dir !== "" && executable) return path;
  }
  return undefined;
}

/** Debian's way of saying that a package's service must not be started when it is installed. */
const POLICY = "/usr/sbin/policy-rc.d";

async function install(aptPackage: string): Promise<void> {
  const ours = await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755, flag: "wx" }).then(
    () => true,
    () => false,
  );
  const apt = (...args: string[]) =>
    run("apt-get", ["-o", "DPkg::Lock::Timeout=120", "-q", "-y", ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      maxBuffer: 1 << 24,
    });
  try {
    await apt("update");
    await apt("install", "--no-install-recommends", aptPackage);
  } finally {
    if (ours) await rm(POLICY);
  }
}
