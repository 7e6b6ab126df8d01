// `api.cache`: reads what there was when the call began, and notes what is written.
import { Buffer } from "node:buffer";

const ENTRIES = 20;
const KEY_BYTES = 64;
const VALUE_BYTES = 4096;
const TOTAL_BYTES = 8192;
const WRITES = 20;
const LIFETIME = 15 * 60 * 1000;
const LONGEST = 24 * 60 * 60 * 1000;

const refused = (code) => ({ type: "error", code });

export function cacheOf(entries, now) {
  const records = new Map(Object.entries(entries));
  const writes = [];

  const api = {
    get(key) {
      const record = records.get(String(key));
      return record && record.expires_at > now ? { ...record } : undefined;
    },
    set(key, value, options = {}) {
      const name = String(key);
      const expires = expiry(options, now);
      if (Number.isNaN(expires)) return refused("InvalidExpiry");
      if (expires <= now) return refused("ItemAlreadyExpired");
      if (Buffer.byteLength(name) > KEY_BYTES) return refused("CacheKeySizeExceeded");
      if (Buffer.byteLength(String(value)) > VALUE_BYTES) return refused("CacheValueSizeExceeded");
      if (writes.length >= WRITES) return refused("MaxSideEffectsExceeded");
      const record = { value: String(value), expires_at: expires };
      if (!fits(records, name, record)) return refused("CacheSizeExceeded");
      records.set(name, record);
      writes.push([name, record]);
      return { type: "success", record: { ...record } };
    },
    delete(key) {
      if (writes.length >= WRITES) return refused("MaxSideEffectsExceeded");
      records.delete(String(key));
      writes.push([String(key), null]);
      return { type: "success" };
    },
  };
  return { api, writes };
}

function expiry({ ttl, expires_at }, now) {
  if (ttl === undefined && expires_at === undefined) return now + LIFETIME;
  const wanted = ttl === undefined ? expires_at : now + ttl;
  return typeof wanted === "number" && Number.isFinite(wanted) ? Math.min(wanted, now + LONGEST) : NaN;
}

function fits(records, name, record) {
  let bytes = Buffer.byteLength(name) + Buffer.byteLength(record.value);
  let count = 1;
  for (const [key, { value }] of records) {
    if (key === name) continue;
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    count += 1;
  }
  return bytes <= TOTAL_BYTES && count <= ENTRIES;
}
