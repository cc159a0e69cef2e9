import type { EnvReference } from "./env.ts";

/**
 * Checks a connector's URL. A literal one goes into the plan as it is, so it may hold no password.
 * @throws Error that shows nothing of the URL.
 */
export function checkUrl(call: string, url: string | EnvReference, schemes: readonly string[]): void {
  if (typeof url === "object" && url !== null && typeof url.$env === "string") return;
  if (typeof url !== "string" || !schemes.some((scheme) => url.startsWith(`${scheme}://`))) {
    throw new Error(
      `${call}: the url is not one of ${schemes[0]}://…. Give one, or env("NAME") for a variable that holds it.`,
    );
  }
  const [, userInfo = ""] = /^[a-z]+:\/\/([^?#]*)@/.exec(url) ?? [];
  if (userInfo.includes(":") || /[?&](password|pass|sslpassword)=/i.test(url)) {
    throw new Error(
      `${call}: the url holds a password, which would be in the plan for all to read. Put the url into an ` +
        'environment variable and write env("NAME").',
    );
  }
}
