-- Argo CD's health check of a StoragePool. Only what nobody but a person can mend is Degraded: what may pass, as PostgreSQL
-- that is not there yet, is Progressing, so that a sync waits for it instead of failing.
local function condition(kind)
  for _, found in ipairs((obj.status or {}).conditions or {}) do
    if found.type == kind then return found end
  end
  return {}
end

local generation = obj.metadata.generation
if (obj.status or {}).observedGeneration ~= generation then
  return {status = "Progressing", message = "the operator has not seen generation " .. generation .. " yet"}
end
local stalled, ready, reconciling = condition("Stalled"), condition("Ready"), condition("Reconciling")
if stalled.status == "True" then
  return {status = "Degraded", message = stalled.reason .. ": " .. stalled.message}
end
if obj.spec.paused then
  return {status = "Suspended", message = ready.message}
end
if ready.status == "True" and reconciling.status ~= "True" then
  return {status = "Healthy", message = ready.message}
end
if ready.status == "True" then
  return {status = "Progressing", message = reconciling.reason .. ": " .. reconciling.message}
end
return {status = "Progressing", message = (ready.reason or "Unknown") .. ": " .. (ready.message or "no condition Ready")}
