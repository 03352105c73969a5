package redisstore

import "github.com/redis/go-redis/v9"

// A script consists of a guard, which decides whether it may run, and a step on
// one ticket. Redis runs it as one atomic step.
//
// The steps return the value as it was before, from which the caller learns
// what happened: a live record means that this call consumed it. They leave
// values of other versions alone. All further checks are Decode's, which
// refuses the value as it was, whatever a step made of it. pcall returns the
// error of a key that is not a string as the reply.
//
// The offsets are those of package record, but Lua counts from 1: the fence is
// at 2 to 41, the state at 74.
const (
	// identify defines info, what the server reports about itself, and replid, a
	// function that returns the primary's replication identity in it, or nil.
	// The line break in front excludes the lines master_replid2 and slave0.
	identify = `local info = redis.pcall('INFO', 'replication')
local function replid()
  local id = type(info) == 'string' and info:match('\nmaster_replid:(%x+)\r')
  return id and #id == 40 and id or nil
end
`

	// unlessLoading ends a script that was sent without a key, only to make the
	// server know it.
	unlessLoading = `if #KEYS == 0 then return '' end
`

	// fencedGuard runs a step only on a primary, and only on records that this
	// primary created. For one that was kept by a replica, a file or another
	// node it replies FENCED and the identity that the server has now.
	//
	// INFO is a third of the script's cost, so it is searched and not parsed.
	fencedGuard = unlessLoading + identify + `if type(info) ~= 'string' or not info:find('\nmaster_replid:', 1, true) then
  return redis.error_reply('NOFENCE no replication identity')
end
if not info:find('\nrole:master\r', 1, true) then return redis.error_reply('READONLY not a primary') end
local function ours(v) return info:find('\nmaster_replid:' .. v:sub(2, 41) .. '\r', 1, true) end
`

	// unfencedGuard runs a step only on records without a fence. One with a
	// fence was promised more than this guard can hold.
	unfencedGuard = unlessLoading + `local function replid() return nil end
local function ours(v) return v:sub(2, 41) == ('\0'):rep(40) end
`

	// load reads the value of the key into v.
	load = `local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' then return v end
local record = #v > 181 and v:byte(1) == 2
`

	// refuse ends the script for a record of another primary.
	refuse = `if record and not ours(v) then return redis.error_reply('FENCED ' .. (replid() or 'none')) end
`

	// age marks the value as expired, in the reply alone, if the ticket is pending
	// and past its life: when no more is left than the time for which the record
	// is kept after it, which the record says itself. A key that never expires is
	// none of ours, and counts as expired.
	age = `if record and v:byte(74) == 1 and redis.call('PTTL', KEYS[1]) <= struct.unpack('>I8', v, 75) then
  v = v:sub(1, 73) .. '\5' .. v:sub(75)
end
`

	// consumeStep: KEYS[1] key, KEYS[2] head of the stream, not on a cluster, where it
	// may be in another slot; ARGV mark, which is kept as long as the record would have
	// been. Redis expires no key while a script runs: what was read can be written. The
	// reply begins with the head and a blank.
	consumeStep = load + refuse + age + `if record and v:byte(74) == 1 then redis.call('SETRANGE', KEYS[1], 73, ARGV[1]) end
local head = KEYS[2] and redis.pcall('GET', KEYS[2])
return (type(head) == 'string' and head or '') .. ' ' .. v`

	// settleStep: KEYS[1] key; ARGV mark.
	settleStep = load + refuse + `if record and v:byte(74) > 1 then redis.call('SETRANGE', KEYS[1], 73, ARGV[1]) end
return v`

	// hide ends the script for a pending record of another primary, as if there
	// were none, because nobody can consume it. A spent one stays spent.
	hide = `if record and v:byte(74) == 1 and not ours(v) then return false end
`

	// lookupStep: KEYS[1] key.
	lookupStep = load + hide + age + `return v`

	// noteStep: KEYS[1] key, KEYS[2] that of its note; ARGV note, and for how many
	// milliseconds it is kept.
	noteStep = load + hide + `if record then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2]) end
return v`

	// identityScript returns the server's identity, "replica" or "hidden". These
	// are no errors, because the client library would close the connection. A
	// key may be given to address the node that has it.
	identityScript = identify + `if not replid() then return 'hidden' end
if not info:find('\nrole:master\r', 1, true) then return 'replica' end
return replid()`
)

// script is the text of a script and its digest, as arguments of a command.
type script struct{ text, digest any }

func newScript(text string) script {
	return script{text: text, digest: redis.NewScript(text).Hash()}
}

// guardedScript is one step behind either guard.
type guardedScript struct{ fenced, unfenced script }

func newGuardedScript(step string) guardedScript {
	return guardedScript{fenced: newScript(fencedGuard + step), unfenced: newScript(unfencedGuard + step)}
}

// scripts are all that a store runs.
type scripts struct {
	identity                      script
	consume, settle, lookup, note guardedScript // on tickets
	append, read                  guardedScript // on the stream
}

// steps returns those that run behind a guard.
func (s scripts) steps() []guardedScript {
	return []guardedScript{s.consume, s.settle, s.lookup, s.note, s.append, s.read}
}

func newScripts() scripts {
	return scripts{
		identity: newScript(identityScript), consume: newGuardedScript(consumeStep),
		settle: newGuardedScript(settleStep), lookup: newGuardedScript(lookupStep),
		note:   newGuardedScript(noteStep),
		append: newGuardedScript(appendStep), read: newGuardedScript(readStep),
	}
}
