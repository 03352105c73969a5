package redisstore

// entryField is the only field of an entry.
const entryField = "e"

const (
	// epochOf defines epoch. In the unfenced guard there is no replication identity.
	epochOf = `local epoch = replid() or 'none'
`

	// appendStep: KEYS[1] stream, KEYS[2] head; ARGV the time in milliseconds before
	// which entries are trimmed, the entry.
	appendStep = epochOf + `local id = redis.call('XADD', KEYS[1], 'MINID', '~', ARGV[1], '*', 'e', ARGV[2])
redis.call('SET', KEYS[2], id)
return {epoch, id}`

	// readStep: KEYS[1] stream; ARGV epoch, milliseconds and sequence of the reader's
	// position, how many entries it takes at most, and the time in milliseconds before which
	// entries are trimmed.
	//
	// Entries after the position may be missing if the stream ends before it, if the entry
	// there is gone although it is not that old (the stream was deleted and made again, or
	// somebody has trimmed it), or if a later one was deleted, which a Redis before 7.0 does
	// not say.
	readStep = epochOf + `local function after(a, b)
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
local last, deleted = '0-0', nil
if not state.err then
  for i = 1, #state, 2 do
    if state[i] == 'last-generated-id' then last = state[i + 1] end
    if state[i] == 'max-deleted-entry-id' then deleted = state[i + 1] end
  end
end
if ARGV[1] ~= epoch then
  at = '0-0'
elseif at ~= '0-0' then
  local gone = #redis.call('XRANGE', KEYS[1], at, at) == 0 and after(at, ARGV[5] .. '-0')
  if gone or after(at, last) or deleted and after(deleted, at) then at, gap = '0-0', 1 end
end
local reply = {gap, at}
local from = at
if at ~= '0-0' then from = '(' .. at end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[4])) do
  reply[2] = entry[1]
  reply[#reply + 1] = entry[2][2]
end
return {epoch, reply}`
)
