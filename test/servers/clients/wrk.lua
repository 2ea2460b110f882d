-- SPDX-License-Identifier: Apache-2.0
-- wrk with a plan of traffic.ts, every connection somewhere in it. Checks statuses and lengths.
-- Usage: wrk -s wrk.lua URL -- PLAN   Each line of the plan: METHOD PATH CUSTOMER SIZE STATUS LENGTH
wrong, denied = 0, 0
local plan, at = {}, 0
local known = {}
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  for line in io.lines(args[1]) do
    local method, path, customer, size, status, length = line:match("(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)")
    local headers = {}
    if customer ~= "-" then headers["X-Customer"] = customer end
    local body = size ~= "-" and string.rep("b", tonumber(size)) or nil
    table.insert(plan, wrk.format(method, path, headers, body))
    known[status .. " " .. length] = true
  end
end

function request()
  at = at % #plan + 1
  return plan[at]
end

function response(status, _, body)
  if not known[status .. " " .. #body] then wrong = wrong + 1 end
  if status == 403 then denied = denied + 1 end
end

function done(summary)
  local sum = { wrong = 0, denied = 0 }
  for _, thread in ipairs(threads) do
    sum.wrong = sum.wrong + thread:get("wrong")
    sum.denied = sum.denied + thread:get("denied")
  end
  local e = summary.errors
  io.write(string.format("answers %d wrong %d denied %d errors %d\n", summary.requests, sum.wrong, sum.denied,
    e.connect + e.read + e.write + e.timeout))
end
