/**
 * `node comment.mjs FILE`: puts the diff in FILE, which begins with `<!-- weir-diff -->`, on the pull request of this job
 * of GitHub Actions. There is one comment for each project: it is found by its first line, and edited by the next run.
 * Where the token may not comment, as on a pull request from a fork, that is said, and is no failure: the diff is in the
 * job's summary. Plain Node, since an action is run without anything installed.
 */
import { readFileSync } from "node:fs";

const MARKER = "<!-- weir-diff -->";
/** Longest comment that GitHub takes, characters. */
const MAX_COMMENT = 65_536;
const PAGE = 100;
/** More comments than a pull request can have: a server that always has another page is given up. */
const MOST_PAGES = 100;
const TIMEOUT_MS = 30_000;

const {
  GITHUB_API_URL = "https://api.github.com",
  GITHUB_SERVER_URL = "https://github.com",
  GITHUB_REPOSITORY = "",
  GITHUB_RUN_ID = "",
  GITHUB_EVENT_PATH = "",
  TOKEN = "",
  PROJECT = ".",
} = process.env;

class ApiError extends Error {
  /** The answer's HTTP status. */
  status;

  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

async function api(method, path, body) {
  const response = await fetch(`${GITHUB_API_URL}/repos/${GITHUB_REPOSITORY}/${path}`, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${TOKEN}`,
      "content-type": "application/json",
      "x-github-api-version": "2022-11-28",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok) return response.json();
  const { message = "no message" } = await response.json().catch(() => ({}));
  throw new ApiError(response.status, `${method} ${path} was answered ${response.status}: ${message}`);
}

/** Undefined if there is none. */
async function commentBeginningWith(marker, pullRequest) {
  for (let page = 1; page <= MOST_PAGES; page++) {
    const comments = await api("GET", `issues/${pullRequest}/comments?per_page=${PAGE}&page=${page}`);
    const found = comments.find(({ body }) => body?.startsWith(marker));
    if (found !== undefined || comments.length < PAGE) return found;
  }
  throw new Error(`The pull request has more than ${PAGE * MOST_PAGES} comments, or its pages have no end.`);
}

/** Each project of a repository has a comment of its own. */
function markerOf(project) {
  return project === "." ? MARKER : `<!-- weir-diff ${project.replaceAll(/-{2,}|[<>]/g, "-")} -->`;
}

/** What is too long is not cut in the middle of its Markdown: the verdict stays, and says where the rest is. */
function bodyOf(text, marker) {
  const whole = text.replace(MARKER, marker);
  if (whole.length <= MAX_COMMENT) return whole;
  const [, title = "", verdict = ""] = text.split("\n\n");
  const summary = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`;
  return `${marker}\n\n${title}\n\n${verdict}\n\nThe diff is longer than a comment can be: it is in [the job's summary](${summary}).\n`;
}

function onlySummary(why) {
  // A line break would end the command.
  console.log(`::notice title=weir diff::${why.replaceAll(/\s+/g, " ")} The diff is in the job's summary.`);
}

const pullRequest = JSON.parse(readFileSync(GITHUB_EVENT_PATH, "utf8")).pull_request?.number;
if (pullRequest === undefined) onlySummary("This is no pull request: there is nothing to comment on.");
else if (TOKEN === "") onlySummary("There is no token to comment with.");
else {
  const marker = markerOf(PROJECT);
  const body = bodyOf(readFileSync(process.argv[2], "utf8"), marker);
  try {
    const standing = await commentBeginningWith(marker, pullRequest);
    if (standing === undefined) await api("POST", `issues/${pullRequest}/comments`, { body });
    else await api("PATCH", `issues/comments/${standing.id}`, { body });
  } catch (error) {
    if (!(error instanceof ApiError) || ![401, 403, 404].includes(error.status)) throw error;
    onlySummary(`The token may not comment (${error.message}).`);
  }
}
