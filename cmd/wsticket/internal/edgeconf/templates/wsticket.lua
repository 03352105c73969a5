-- wsticket for HAProxy: asks whether a WebSocket may pass, and removes the ticket
-- afterwards. Printed by "wsticket print-config haproxy-lua".
-- Load it in the global section: lua-load /etc/haproxy/wsticket.lua

-- Headers that belong to a connection (RFC 9110 7.6.1), or would turn the request
-- to wsticket into an upgrade or a request with a body.
local unsent = {
	["host"] = true, ["connection"] = true, ["upgrade"] = true, ["keep-alive"] = true, ["te"] = true,
	["trailer"] = true, ["transfer-encoding"] = true, ["content-length"] = true, ["expect"] = true,
	["proxy-authorization"] = true, ["proxy-connection"] = true,
}

-- ask sends the headers of the request to wsticket. It stores the status of the
-- answer in txn.wsticket_status (0 if there is none), and each of its headers in
-- txn.wsticket_<name>, with underscores instead of dashes.
local function ask(txn, url, timeout)
	local headers = {}
	for name, values in pairs(txn.http:req_get_headers()) do
		if not unsent[name] then
			headers[name] = {}
			for _, value in pairs(values) do
				table.insert(headers[name], value)
			end
		end
	end
	local answer = core.httpclient():get({ url = url, headers = headers, timeout = tonumber(timeout) })
	txn:set_var("txn.wsticket_status", answer and answer.status or 0)
	for name, values in pairs(answer and answer.headers or {}) do
		txn:set_var("txn.wsticket_" .. name:gsub("[^%w]", "_"):gsub("^x_wsticket_error$", "error"), values[0])
	end
end

core.register_action("wsticket_auth", { "http-req" }, ask, 2)

-- without returns the list without the entries for which drop returns true.
local function without(text, separator, joint, drop)
	local kept = {}
	for entry in text:gmatch("[^" .. separator .. "]+") do
		if not drop(entry) then
			table.insert(kept, entry)
		end
	end
	return table.concat(kept, joint)
end

-- The query without the parameter. wsticket has refused a parameter that is
-- duplicated, escaped or in other case.
core.register_converters("wsticket_query", function(query, parameter)
	return without(query, "&", "&", function(pair)
		return pair:match("^[^=]*") == parameter
	end)
end)

-- The offered subprotocols without the ticket.
core.register_converters("wsticket_protocols", function(offer)
	return without(offer:gsub("%s", ""), ",", ", ", function(name)
		return name:lower():sub(1, 7) == "ticket."
	end)
end)
