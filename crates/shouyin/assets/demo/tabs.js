// On a narrow window the page shows one part at a time.

const NARROW = "(max-width: 760px)";

/** Wires the tab buttons and returns `{ select, noteMessage }`; `onOpen(name)` hears of a tab chosen by the user. */
export function createTabs({ onOpen }) {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const unseen = document.getElementById("unseen");
  let missed = 0;

  function select(name) {
    document.body.dataset.tab = name;
    for (const tab of tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    if (name === "timeline") countMissed(0);
  }

  function countMissed(count) {
    missed = count;
    unseen.hidden = missed === 0;
    unseen.textContent = missed > 99 ? "99+" : String(missed);
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      select(tab.dataset.tab);
      onOpen(tab.dataset.tab);
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      select(next.dataset.tab);
      next.focus();
    });
  }
  select("phone");

  return {
    select,
    /** A message arrived: counted on the tab while the timeline is out of sight. */
    noteMessage() {
      if (matchMedia(NARROW).matches && document.body.dataset.tab !== "timeline") countMissed(missed + 1);
    },
  };
}
