-- Posts bodies in turn, and prints what came of it as a line of JSON.
--
--     wrk ... -s post.lua URL -- PREFIX CONTENT_TYPE [NAME VALUE ...]
--
-- The bodies are the files PREFIX.0, PREFIX.1 and so on; names and values are
-- further headers.

local requests, turn = {}, 0

function init(args)
  local headers = { ["Content-Type"] = args[2] }
  for i = 3, #args, 2 do
    headers[args[i]] = args[i + 1]
  end
  while true do
    local file = io.open(args[1] .. "." .. #requests, "rb")
    if not file then
      break
    end
    requests[#requests + 1] = wrk.format("POST", nil, headers, file:read("*a"))
    file:close()
  end
  if #requests == 0 then
    error("there are no bodies " .. args[1] .. ".0 and so on")
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "max_ms": %.4f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
