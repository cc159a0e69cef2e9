/**
 * The Lua script of each form of row. One call of it is one transaction: Redis runs nothing else meanwhile, and hands
 * its writes to the append-only file and to replicas as one. Nothing rolls a script back, so whatever could fail
 * (the fence, the position, the type of a key) is looked at before the first write.
 *
 * A script rather than a function library (Redis 7): it needs no version beyond 6, and leaves nothing in the server.
 */

const MOVE = "call('HSET', KEYS[1], 'position', ARGV[3])\n";

/**
 * KEYS: the checkpoint, then the keys of the rows. ARGV: fence, expected position ("" for none), next position, rows.
 * Returns `{"ok"}`, or what was in the way and what was found. Local variables are quicker than global ones.
 */
function script(type: string | undefined, rows: string, end = MOVE): string {
  return `local KEYS, ARGV, call = KEYS, ARGV, redis.call
local fence = call('HGET', KEYS[1], 'fence') or ''
if fence ~= ARGV[1] then return {'fence', fence} end
local position = call('HGET', KEYS[1], 'position') or ''
if position ~= ARGV[2] then return {'position', position} end
${type === undefined ? "" : checkTypes(type)}${rows}
${end}return {'ok'}`;
}

/** Rows are new in a back-fill, which one look at many keys finds out: each of them is looked at only where some are there. */
function checkTypes(type: string): string {
  return `local stored = 0
for i = 2, #KEYS, 5000 do
  stored = stored + call('EXISTS', unpack(KEYS, i, math.min(i + 4999, #KEYS)))
end
if stored > 0 then
  for i = 2, #KEYS do
    local found = call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= '${type}' then return {'type', KEYS[i], found} end
  end
end
`;
}

/**
 * Rows with every field, then rows that lack some, then rows to be removed; KEYS in that order. In ARGV: the fields'
 * names, how many rows of the first two sorts; the values of the first; of each of the second a text with a "1" for each field
 * that it has and a "0" for any other, and its values.
 */
export function storeHashes(fields: number): string {
  return script(
    "hash",
    `local fields = ${fields}
local whole, partial = tonumber(ARGV[fields + 4]), tonumber(ARGV[fields + 5])
local at = fields + 5
${fields <= MOST_WRITTEN_OUT ? wholeRowsWrittenOut(fields) : WHOLE_ROWS}
for i = whole + 2, whole + partial + 1 do
  at = at + 1
  local which, some, none = ARGV[at], {}, {}
  for field = 1, fields do
    local name = ARGV[field + 3]
    if string.sub(which, field, field) == '1' then
      at = at + 1
      some[#some + 1] = name
      some[#some + 1] = ARGV[at]
    else
      none[#none + 1] = name
    end
  end
  if #some == 0 then
    call('DEL', KEYS[i])
  else
    call('HSET', KEYS[i], unpack(some))
    if stored > 0 then call('HDEL', KEYS[i], unpack(none)) end
  end
end
for i = whole + partial + 2, #KEYS, 5000 do
  call('DEL', unpack(KEYS, i, math.min(i + 4999, #KEYS)))
end`,
  );
}

/** A function of Lua has some 250 registers: one for each name, two for each field of the call. */
const MOST_WRITTEN_OUT = 60;

/** Without a table whose values are taken out again for each row. */
function wholeRowsWrittenOut(fields: number): string {
  const each = Array.from({ length: fields }, (_, i) => i + 1);
  const names = each.map((field) => `name${field}`);
  return `local ${names.join(", ")} = ${each.map((field) => `ARGV[${field + 3}]`).join(", ")}
for i = 2, whole + 1 do
  call('HSET', KEYS[i], ${each.map((field) => `name${field}, ARGV[at + ${field}]`).join(", ")})
  at = at + fields
end`;
}

const WHOLE_ROWS = `local set = {}
for field = 1, fields do
  set[2 * field - 1] = ARGV[field + 3]
  set[2 * field] = ''
end
for i = 2, whole + 1 do
  for field = 1, fields do set[2 * field] = ARGV[at + field] end
  at = at + fields
  call('HSET', KEYS[i], unpack(set, 1, 2 * fields))
end`;

/** Lua's stack holds 8,000 values; a row's arguments go on it at once. */
export const MAX_HASH_FIELDS = 3_000;

/** Per row: its JSON, or "" where the row goes. */
export const STORE_JSON = script(
  undefined,
  `for i = 2, #KEYS do
  local json = ARGV[i + 2]
  if json == '' then call('DEL', KEYS[i]) else call('SET', KEYS[i], json) end
end`,
);

/** Per row: the place of its set in KEYS, its score or "" where the row goes, its member. */
export const STORE_MEMBERS = script(
  "zset",
  `for at = 4, #ARGV, 3 do
  local set, score, member = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2]
  if score == '' then call('ZREM', set, member) else call('ZADD', set, score, member) end
end`,
);

/** ARGV: fence, expected position, the position once all rows are gone. Says so before the first of them goes. */
export const BEGIN_CLEARING = clearing("call('HSET', KEYS[1], 'clearing', ARGV[3])");

/** KEYS: the checkpoint, then keys of rows. ARGV: fence, expected position, the type that rows have. */
export const CLEAR_ROWS = clearing(`for i = 2, #KEYS do
  if call('TYPE', KEYS[i]).ok == ARGV[3] then call('UNLINK', KEYS[i]) end
end`);

/** ARGV: fence, expected position, the position now that all rows are gone. */
export const END_CLEARING = clearing("call('HSET', KEYS[1], 'position', ARGV[3], 'clearing', '')");

/** ARGV: fence, position. */
export const DROP_CHECKPOINT = clearing("call('DEL', KEYS[1])");

function clearing(work: string): string {
  return script(undefined, work, "");
}

/**
 * KEYS: the checkpoint. ARGV: a random token. Returns the new fence, the position ("" for none), and the one that a
 * clearing leads to ("" where none is under way).
 */
export const TAKE_FENCE = `local former = redis.call('HGET', KEYS[1], 'fence') or '0'
local number = tonumber(string.match(former, '^%d+')) or 0
local fence = string.format('%d:%s', number + 1, ARGV[1])
redis.call('HSET', KEYS[1], 'fence', fence)
local position = redis.call('HGET', KEYS[1], 'position') or ''
return {fence, position, redis.call('HGET', KEYS[1], 'clearing') or ''}`;

/**
 * KEYS: the checkpoints of a place that serves, of one filled beside it, and of one to keep the former rows in. ARGV: a random
 * token. Gives the first two one new fence, so that no instance of either stores anything any more. Returns `{"ok", fence,
 * whether there is a serving one}`; `{"done"}` where they are swapped; `{"none"}` without either; `{"kept"}` where the third is there.
 */
export const TAKE_BOTH = `local function fence(key) return redis.call('HGET', key, 'fence') end
local serving, beside = fence(KEYS[1]), fence(KEYS[2])
if not beside then return {serving and 'done' or 'none'} end
if serving and fence(KEYS[3]) then return {'kept'} end
local newest = 0
for _, former in ipairs({serving or '', beside}) do
  newest = math.max(newest, tonumber(string.match(former, '^%d+')) or 0)
end
local taken = string.format('%d:%s', newest + 1, ARGV[1])
redis.call('HSET', KEYS[2], 'fence', taken)
if serving then redis.call('HSET', KEYS[1], 'fence', taken) end
return {'ok', taken, serving and '1' or ''}`;

/**
 * KEYS: as of TAKE_BOTH, then a list of the serving rows' keys and one of those beside. ARGV: the fence, what stands before
 * the keys beside, and what before those to be kept ("" where no row serves yet). Returns `{"ok"}`, or what was in the way.
 *
 * All rows of both places and their checkpoints get their new names. Nothing writes but renaming, which the server does not
 * refuse for want of memory; whether it may be run on these keys is tried first, there and back. A row that is gone
 * since the lists were made (it expired) is left out; what came where a row is to go is kept with the former ones.
 */
export const SWAP = `local fence, before, kept = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', KEYS[2], 'fence') ~= fence then return {'fence'} end
if (redis.call('HGET', KEYS[1], 'fence') or '') ~= (kept ~= '' and fence or '') then return {'fence'} end
local function each(list, work)
  for at = 0, redis.call('LLEN', list) - 1, 5000 do
    for _, key in ipairs(redis.call('LRANGE', list, at, at + 4999)) do
      local refused = work(key)
      if refused then return refused end
    end
  end
end
local function place(key) return string.sub(key, #before + 1) end
local function try(from, to)
  redis.call('RENAME', from, to)
  redis.call('RENAME', to, from)
end
if kept == '' then
  local refused = each(KEYS[5], function (key)
    local found = redis.call('TYPE', place(key)).ok
    if found ~= 'none' then return {'type', place(key), found} end
  end)
  if refused then return refused end
end
try(KEYS[2], KEYS[2])
redis.call('RENAMENX', KEYS[2], KEYS[2])
redis.call('UNLINK', KEYS[2] .. ':trial')
local first = redis.call('LINDEX', KEYS[5], 0)
if first and redis.call('EXISTS', first) == 1 then
  if kept ~= '' then try(first, kept .. place(first)) end
  if redis.call('EXISTS', place(first)) == 1 then try(place(first), place(first)) else try(first, place(first)) end
end
if kept ~= '' then
  each(KEYS[4], function (key) redis.pcall('RENAME', key, kept .. key) end)
  redis.call('RENAME', KEYS[1], KEYS[3])
end
each(KEYS[5], function (key)
  local to = place(key)
  if redis.pcall('RENAMENX', key, to) == 0 then
    redis.call('RENAME', to, kept .. to)
    redis.call('RENAME', key, to)
  end
end)
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('UNLINK', KEYS[4], KEYS[5])
return {'ok'}`;
