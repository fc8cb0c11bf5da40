-- The requests of each workload: `wrk ... -s wrk.lua URL -- WORKLOAD SEED PREFIX`. Paths begin with
-- the prefix.
local rows = 1000
local json = { ["Content-Type"] = "application/json" }
local workload, seed, count, prefix

local function id()
  return string.format("01890000-0000-7000-8000-%012x", math.random(0, rows - 1))
end

local requests = {
  by_id = function() return wrk.format("GET", prefix .. "/users/" .. id()) end,
  list = function() return wrk.format("GET", prefix .. "/users?limit=20") end,
  missing = function() return wrk.format("GET", prefix .. "/users/ffffffff-ffff-7fff-8fff-ffffffffffff") end,
  post = function()
    count = count + 1
    local email = string.format("%s-%d@example.com", seed, count)
    return wrk.format("POST", prefix .. "/users", json, '{"email": "' .. email .. '", "name": "New"}')
  end,
  patch = function()
    count = count + 1
    return wrk.format("PATCH", prefix .. "/users/" .. id(), json, '{"name": "Name ' .. count .. '"}')
  end,
}
-- 80 % read: half of that by id, half the list.
requests.mix = function()
  local dice = math.random(10)
  if dice <= 4 then return requests.by_id() end
  if dice <= 8 then return requests.list() end
  return dice == 9 and requests.post() or requests.patch()
end

function init(arguments)
  workload, seed, count = arguments[1], arguments[2], 0
  prefix = arguments[3] or ""
  -- Those of the option --header.
  for name, value in pairs(wrk.headers) do json[name] = value end
  math.randomseed(42)
end

function request()
  return requests[workload]()
end
