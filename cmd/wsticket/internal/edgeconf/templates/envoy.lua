local function without(text, separator, joint, drop)
  local kept = {}
  for entry in text:gmatch("[^" .. separator .. "]+") do
    if not drop(entry) then table.insert(kept, entry) end
  end
  return table.concat(kept, joint)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  -- Another scheme, such as Basic, is the application's.
  local schemes = ("," .. (headers:get("authorization") or "") .. ","):lower()
  if schemes:find(",%s*ticket[%s,]") or schemes:find(",%s*bearer[%s,]") then
    headers:remove("authorization")
  end
  local path, query = headers:get(":path"):match("^([^?]*)%?(.*)$")
  if query then
    query = without(query, "&", "&", function(pair) return pair:match("^[^=]*") == "{{.Parameter}}" end)
    headers:replace(":path", query == "" and path or path .. "?" .. query)
  end
  local offer = headers:get("sec-websocket-protocol")
  if offer then
    offer = without(offer:gsub("%s", ""), ",", ", ", function(name) return name:lower():sub(1, 7) == "ticket." end)
    headers:remove("sec-websocket-protocol")
    if offer ~= "" then headers:add("sec-websocket-protocol", offer) end
    handle:streamInfo():dynamicMetadata():set("wsticket", "offer", offer)
  end
end

-- A browser that offers subprotocols expects one of them
-- in the answer. If the application chose none, Envoy
-- answers wsticket.v1.
function envoy_on_response(handle)
  local headers = handle:headers()
  local offer = (handle:streamInfo():dynamicMetadata():get("wsticket") or {})["offer"] or ""
  if headers:get(":status") == "101" and not headers:get("sec-websocket-protocol")
    and (", " .. offer .. ","):find(", wsticket.v1,", 1, true) then
    headers:add("sec-websocket-protocol", "wsticket.v1")
  end
end
