// Brings timeline entries to the page: server-sent events, or polling where a stream does not get through.

const POLL_MS = 1000;
const RETRY_STREAM_MS = 15000;
const PAGE_SIZE_GUARD = 1000;

/**
 * Starts the feed. `onEntry(entry, live)` gets every entry once, in order of `seq`; `live` is false for what happened
 * before the page was opened. `onState("live" | "polling" | "offline")` gets every change of the connection.
 */
export function startFeed({ onEntry, onState }) {
  let last = 0;
  let pollTimer = null;
  let state = null;
  let live = false;

  const report = (next) => {
    if (next !== state) onState((state = next));
  };
  // The stream repeats what we have after it reconnects: `seq` decides.
  const take = (entry) => {
    if (entry.seq <= last) return;
    last = entry.seq;
    onEntry(entry, live);
  };

  function openStream() {
    if (typeof EventSource !== "function") return startPolling();
    const stream = new EventSource(`/demo/timeline/stream?after=${last}`);
    stream.onopen = () => {
      stopPolling();
      report("live");
    };
    stream.onmessage = (message) => take(JSON.parse(message.data));
    stream.onerror = () => {
      report("offline");
      // The browser reopens a broken stream by itself; a refused one is closed for good.
      startPolling();
      if (stream.readyState === EventSource.CLOSED) setTimeout(openStream, RETRY_STREAM_MS);
    };
  }

  function startPolling() {
    if (pollTimer === null) pollTimer = setTimeout(poll, POLL_MS);
  }

  function stopPolling() {
    clearTimeout(pollTimer);
    pollTimer = null;
  }

  async function poll() {
    try {
      await catchUp();
      report("polling");
    } catch {
      // Not reachable: said in the page's header, and asked again below.
      report("offline");
    }
    if (pollTimer !== null) pollTimer = setTimeout(poll, POLL_MS);
  }

  async function catchUp() {
    for (let page = 0; page < PAGE_SIZE_GUARD; page += 1) {
      const response = await fetch(`/demo/timeline?after=${last}`);
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const { entries } = await response.json();
      if (entries.length === 0) return;
      entries.forEach(take);
    }
  }

  // History first, so that the page opens complete; then the stream goes on from there.
  catchUp().catch(() => report("offline")).finally(() => {
    live = true;
    openStream();
  });
}
