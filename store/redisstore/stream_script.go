package redisstore

// entryField is the only field of an entry.
const entryField = "e"

const (
	// streamTools defines epoch, which without a fence is always the same, and oldest,
	// the ID before which entries are trimmed. It goes by the clock of the server, which
	// makes the IDs, too: a client whose clock is wrong removes nothing.
	streamTools = `local epoch = replid() or 'none'
local function oldest(retention)
  return string.format('%.0f-0', math.max(0, redis.call('TIME')[1] * 1000 - retention))
end
`

	// appendStep: KEYS[1] stream, KEYS[2] head; ARGV entry, and for how many milliseconds
	// entries are kept.
	appendStep = streamTools + `local id = redis.call('XADD', KEYS[1], 'MINID', '~', oldest(ARGV[2]), '*', 'e', ARGV[1])
redis.call('SET', KEYS[2], id)
return {epoch, id}`

	// readStep: KEYS[1] stream; ARGV epoch, milliseconds and sequence of the reader's
	// position, how many entries it takes at most, and for how many milliseconds entries
	// are kept.
	//
	// Entries after the position may be missing if the stream is, or ends before it, if
	// the entry there is gone although it is not that old (the stream was deleted and made
	// again, or somebody has trimmed it), or if a later one was deleted, which a Redis before
	// 7.0 does not say. Nothing is missing for a reader at the last ID that the stream
	// has given, whether or not its entry is still there.
	readStep = streamTools + `local function after(a, b)
  local am, as = a:match('^(%d+)%-(%d+)$')
  local bm, bs = b:match('^(%d+)%-(%d+)$')
  if #am ~= #bm then return #am > #bm end
  if am ~= bm then return am > bm end
  if #as ~= #bs then return #as > #bs end
  return as > bs
end
local at, gap = ARGV[2] .. '-' .. ARGV[3], 0
local state = redis.pcall('XINFO', 'STREAM', KEYS[1])
if state.err and not state.err:find('no such key', 1, true) then return state end
local last, deleted = '0-0', '0-0'
if not state.err then
  for i = 1, #state, 2 do
    if state[i] == 'last-generated-id' then last = state[i + 1] end
    if state[i] == 'max-deleted-entry-id' then deleted = state[i + 1] end
  end
end
local function lost()
  if after(at, last) then return true end
  local from = oldest(ARGV[5])
  if after(deleted, at) and after(deleted, from) then return true end
  return after(at, from) and #redis.call('XRANGE', KEYS[1], at, at) == 0
end
if ARGV[1] ~= epoch then
  at = '0-0'
elseif at ~= '0-0' and at ~= last and lost() then
  at, gap = '0-0', 1
end
local from = at
if at ~= '0-0' then from = '(' .. at end
local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[4])
local reply = {gap, last}
if #entries == tonumber(ARGV[4]) then reply[2] = entries[#entries][1] end
for _, entry in ipairs(entries) do reply[#reply + 1] = entry[2][2] end
return {epoch, reply}`
)
