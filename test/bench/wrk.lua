-- Sends POST requests with a body, or GET requests without one. The token is always the same, one of many at random, or a new one each time.
local head, tail, first, count, order
local sent = 0

function init(args)
  local body = args[1]
  first, count, order = tonumber(args[3]), tonumber(args[4]), args[5]
  local path, content = args[6], ""
  if body ~= "" then
    content = "\r\nContent-Type: application/json"
      .. "\r\nAccept: application/graphql-response+json, application/json;q=0.9"
      .. "\r\nContent-Length: " .. #body
  end
  head = (body == "" and "GET " or "POST ") .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
    .. content .. "\r\nAuthorization: Bearer " .. args[2]
  tail = "\r\n\r\n" .. body
  math.randomseed(os.time())
end

function request()
  local number = first
  if order == "random" then number = first + math.random(0, count - 1) end
  if order == "new" then number = first + sent end
  sent = sent + 1
  return head .. string.format("%012d", number) .. tail
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"failed":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
