package store

import "github.com/redis/go-redis/v9"

// A script is put together from a guard, which says who may run it, and a step
// on one key. It is one atomic step as a whole.
//
// The steps return the value as it was, from which the caller learns what
// happened: a live record means that this call consumed it. They touch no value
// of another version, and leave the rest of the judgement to decode: whatever
// they make of a value that is not ours, decode refuses the one that it was.
// pcall hands on the error of a key that holds no string.
//
// The offsets are those of record.go, in Lua counted from 1: the fence stands
// at 2 to 41, the state at 74.
const (
	// identify defines info and replid: what the server says of itself, and a
	// function that takes the primary's replication identity out of it, or nil.
	// The line break in front keeps master_replid2 and slave0 lines out.
	identify = `local info = redis.pcall('INFO', 'replication')
local function replid()
  local id = type(info) == 'string' and info:match('\nmaster_replid:(%x+)\r')
  return id and #id == 40 and id or nil
end
`

	// fencedGuard lets a step run on a primary alone, and on no record but its
	// own: one that a replica has kept, or a file, or another shard, is answered
	// by FENCED and the identity that the server has now.
	//
	// INFO costs a third of the script, so it is searched and not taken apart.
	fencedGuard = identify + `if type(info) ~= 'string' or not info:find('\nmaster_replid:', 1, true) then
  return redis.error_reply('NOFENCE no replication identity')
end
if not info:find('\nrole:master\r', 1, true) then return redis.error_reply('READONLY not a primary') end
local function ours(v) return info:find('\nmaster_replid:' .. v:sub(2, 41) .. '\r', 1, true) end
`

	// plainGuard lets a step run on records without a fence alone. One that has
	// a fence was promised more than this guard can keep.
	plainGuard = `local function replid() return nil end
local function ours(v) return v:sub(2, 41) == ('\0'):rep(40) end
`

	// load takes the value of the key into v.
	load = `local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' then return v end
local record = #v > 181 and v:byte(1) == 1
`

	// refuse ends the script for a record of somebody else.
	refuse = `if record and not ours(v) then return redis.error_reply('FENCED ' .. (replid() or 'none')) end
`

	// consumeStep: KEYS[1] key; ARGV mark, retention in ms. Time stands still
	// while a script runs: the key that was read is there to be written.
	consumeStep = load + refuse + `if record and v:byte(74) == 1 then
  redis.call('SETRANGE', KEYS[1], 73, ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return v`

	// settleStep: KEYS[1] key; ARGV mark.
	settleStep = load + refuse + `if record and v:byte(74) > 1 then redis.call('SETRANGE', KEYS[1], 73, ARGV[1]) end
return v`

	// lookupStep: KEYS[1] key. A live record of somebody else is as good as
	// gone, because nobody can consume it; that one was spent stays true.
	lookupStep = load + `if record and v:byte(74) == 1 and not ours(v) then return false end
return v`

	// identityScript may have a key, which leads it to the server. It says who
	// the server is, in place of an error that would make the client library
	// drop the connection.
	identityScript = identify + `if not replid() then return 'hidden' end
if not info:find('\nrole:master\r', 1, true) then return 'replica' end
return replid()`
)

// script is a script and the digest by which Redis remembers it, as arguments.
type script struct{ text, digest any }

func newScript(text string) script {
	return script{text: text, digest: redis.NewScript(text).Hash()}
}

// guarded is one step behind either guard.
type guarded struct{ fenced, plain script }

func newGuarded(step string) guarded {
	return guarded{fenced: newScript(fencedGuard + step), plain: newScript(plainGuard + step)}
}
