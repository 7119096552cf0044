// What the page reads out of timeline entries, in one place.

/** The state an answer speaks of: "open", "paid", "NOTPAY", "SUCCESS", ...; empty when it names none. */
export function answeredState(entry) {
  const body = entry.response?.body;
  if (!body) return "";
  try {
    const answer = JSON.parse(body);
    return String(answer.trade_state ?? answer.state ?? "");
  } catch {
    return "";
  }
}

/** A query whose signed answer says that the money moved: as good a proof as a notification. */
export const provesPaid = (entry) => entry.kind === "query" && entry.ok !== false && answeredState(entry) === "SUCCESS";

/**
 * Returns a function that says of each entry, in order, whether a purchase begins with it. Phone and shop each order
 * once per purchase, and either message may be recorded first.
 */
export function purchaseWatcher() {
  let inOrder = false;
  let payment;
  return (entry) => {
    if (entry.kind !== "order") {
      inOrder = false;
      return false;
    }
    const begins = !inOrder && (entry.payment_id === undefined || entry.payment_id !== payment);
    inOrder = true;
    payment = entry.payment_id ?? payment;
    return begins;
  };
}
