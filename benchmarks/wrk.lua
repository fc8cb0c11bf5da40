-- The requests of each workload: `wrk ... -s wrk.lua URL -- WORKLOAD SEED users|dummy`.
local rows = 1000
local json = { ["Content-Type"] = "application/json" }
local workload, seed, count

local function id()
  return string.format("01890000-0000-7000-8000-%012x", math.random(0, rows - 1))
end

local users = {
  by_id = function() return wrk.format("GET", "/users/" .. id()) end,
  list = function() return wrk.format("GET", "/users?limit=20") end,
  missing = function() return wrk.format("GET", "/users/ffffffff-ffff-7fff-8fff-ffffffffffff") end,
  post = function()
    count = count + 1
    local email = string.format("%s-%d@example.com", seed, count)
    return wrk.format("POST", "/users", json, '{"email": "' .. email .. '", "name": "New"}')
  end,
  patch = function()
    count = count + 1
    return wrk.format("PATCH", "/users/" .. id(), json, '{"name": "Name ' .. count .. '"}')
  end,
}
-- 80 % read: half of that by id, half the list.
users.mix = function()
  local dice = math.random(10)
  if dice <= 4 then return users.by_id() end
  if dice <= 8 then return users.list() end
  return dice == 9 and users.post() or users.patch()
end

-- fastapi_template has other routes, and none that changes a row.
local dummy = {
  by_id = function() return wrk.format("GET", "/api/dummy/" .. math.random(1, rows)) end,
  list = function() return wrk.format("GET", "/api/dummy/?limit=20") end,
  post = function() return wrk.format("PUT", "/api/dummy/", json, '{"name": "New"}') end,
  missing = function() return wrk.format("GET", "/api/dummy/999999999") end,
}

local kinds

function init(arguments)
  workload, seed, count = arguments[1], arguments[2], 0
  kinds = arguments[3] == "dummy" and dummy or users
  math.randomseed(42)
end

function request()
  return kinds[workload]()
end
