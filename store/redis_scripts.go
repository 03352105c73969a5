package store

import "github.com/redis/go-redis/v9"

// Both scripts return the value as it was, from which the caller learns what
// happened: a live record means that this call consumed it. They touch no value
// of another version, and leave the rest of the judgement to decode: whatever
// they make of a value that is not ours, decode refuses the one that it was.
// pcall hands on the error of a key that holds no string.
//
// The offsets are those of record.go, counted from 1. A live record has no
// attempt and no reason, so that what follows its mark begins at 65.
const (
	// consumeScript: KEYS[1] key; ARGV state byte, mark, retention in ms.
	consumeScript = `local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' then return v end
if #v > 64 and v:byte(1) == 1 and v:byte(2) == 1 then
  redis.call('SET', KEYS[1], v:sub(1, 1) .. ARGV[1] .. v:sub(3, 54) .. ARGV[2] .. v:sub(65), 'PX', ARGV[3])
end
return v`

	// settleScript: KEYS[1] key; ARGV state byte, mark.
	settleScript = `local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' then return v end
if #v > 64 and v:byte(1) == 1 and v:byte(2) > 1 then
  local rest = v:sub(65 + v:byte(63) + v:byte(64)) -- lengths of attempt and reason
  redis.call('SET', KEYS[1], v:sub(1, 1) .. ARGV[1] .. v:sub(3, 54) .. ARGV[2] .. rest, 'KEEPTTL')
end
return v`
)

// script is a script with the digest by which Redis remembers it.
type script struct{ text, digest string }

func newScript(text string) script {
	return script{text: text, digest: redis.NewScript(text).Hash()}
}
