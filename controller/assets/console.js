"use strict";
// Keeps the page current: one event stream says that something changed, the server renders what it looks like now. All
// that this script adds is freshness, arrow keys among the squares, and a spoken line; without it the page still works.
(() => {
  const main = document.getElementById("live");
  const stream = document.getElementById("stream");
  const words = document.getElementById("stream-words");
  const announcer = document.getElementById("announcer");
  if (!main || !window.EventSource) return;

  const restMin = 300;
  // With what a drawing takes on top, a change shows itself within two seconds.
  const restMax = 1000;
  // One act is several events: they are drawn together.
  const gather = 40;
  const restWithoutEvents = 15000;
  let timer = 0;
  let due = Infinity;
  let isLoading = false;
  let isAskedAgain = false;
  let rest = restMin;
  let endedAt = -Infinity;
  let spoken = main.firstElementChild.dataset.announcement;

  function show(state, text) {
    stream.dataset.state = state;
    words.textContent = text;
  }

  function refreshIn(delay) {
    const at = performance.now() + delay;
    if (at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(refresh, delay);
  }

  async function refresh() {
    due = Infinity;
    if (isLoading) { isAskedAgain = true; return; }
    isLoading = true;
    const started = performance.now();
    try {
      const response = await fetch(main.dataset.source, { credentials: "same-origin", cache: "no-store" });
      if (response.status === 401 || response.status === 403) { location.assign("/"); return; }
      if (response.ok) replace(await response.text());
    } catch {
      // The stream notices a lost connection and says so.
    } finally {
      isLoading = false;
      // A large fleet takes longer to draw: rest twice as long as it took, or a second, so that the page stays usable.
      endedAt = performance.now();
      rest = Math.max(restMin, Math.min(restMax, 2 * (endedAt - started)));
      refreshIn(isAskedAgain ? rest : restWithoutEvents);
      isAskedAgain = false;
    }
  }

  // What nobody touched is as the page proposes it now.
  function isWritten(field) {
    if (field.options) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
    return field === document.activeElement || field.value !== field.defaultValue;
  }

  // A form that is on its way is not drawn anew: a second click on it is the same act, and the controller knows it by that.
  let sentAt = -Infinity;
  main.addEventListener("submit", () => { sentAt = performance.now(); });

  function replace(html) {
    if (performance.now() - sentAt < 5000) return;
    const next = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    if (!next || !next.classList.contains("live")) return;
    for (const details of main.querySelectorAll("details[id]")) {
      const same = next.querySelector("#" + CSS.escape(details.id));
      if (same) same.open = details.open;
    }
    const scrolled = [...main.querySelectorAll("details[id] :is(pre, .changes)")].map((box) => [box.closest("details").id, box.scrollTop]);
    const focus = address(document.activeElement);
    // What somebody is writing into a form stays, and so does the cursor in it.
    const written = [...main.querySelectorAll(".act :is(input, select)[id]")].filter(isWritten).map((field) =>
      [field.id, field.value, field.selectionStart, field.selectionEnd]);
    main.replaceChildren(document.importNode(next, true));
    for (const [id, value] of written) {
      const field = document.getElementById(id);
      if (field && field.value !== value) field.value = value;
    }
    for (const [id, top] of scrolled) {
      const box = document.getElementById(id)?.querySelector("pre, .changes");
      if (box) box.scrollTop = top;
    }
    const focused = find(focus);
    focused?.focus({ preventScroll: true });
    const cursor = written.find(([id]) => id === focused?.id);
    if (cursor && focused.localName === "input") focused.setSelectionRange(cursor[2], cursor[3]);
    prepareSquares();
    const now = main.firstElementChild.dataset;
    if (stream.dataset.state === "live") words.textContent = "Live, " + now.now.slice(11);
    if (now.announcement !== spoken) announcer.textContent = spoken = now.announcement;
  }

  // Where the focus was, in words that still hold after the page has been drawn again.
  function address(element) {
    if (!element || !main.contains(element)) return null;
    if (element.id) return { id: element.id };
    if (element.matches(".square")) return { href: element.getAttribute("href") };
    const details = element.closest("details[id]");
    return details ? { details: details.id, tag: element.localName } : null;
  }

  function find(focus) {
    if (!focus) return null;
    if (focus.id) return document.getElementById(focus.id);
    if (focus.href) return main.querySelector(`a.square[href="${CSS.escape(focus.href)}"]`) ||
      [...main.querySelectorAll("a.square")].find((square) => square.getAttribute("href") === focus.href);
    return document.getElementById(focus.details)?.querySelector(focus.tag);
  }

  // One stop of the Tab key for each phase; arrows, Home and End move inside it.
  function prepareSquares() {
    for (const group of main.querySelectorAll(".squares")) {
      const squares = [...group.children];
      const current = squares.includes(document.activeElement) ? document.activeElement : squares[0];
      for (const square of squares) square.tabIndex = square === current ? 0 : -1;
    }
  }

  main.addEventListener("keydown", (event) => {
    const square = event.target.closest?.(".squares > a");
    if (!square) return;
    const squares = [...square.parentElement.children];
    const position = squares.indexOf(square);
    const next = {
      ArrowRight: position + 1, ArrowDown: position + 1, ArrowLeft: position - 1, ArrowUp: position - 1, Home: 0,
      End: squares.length - 1,
    }[event.key];
    if (next === undefined || !squares[next]) return;
    event.preventDefault();
    square.tabIndex = -1;
    squares[next].tabIndex = 0;
    squares[next].focus();
  });

  // A square leads to its host's row, which stands in a closed list.
  function openTarget() {
    const row = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = row && row.closest("details");
    if (!details) return;
    details.open = true;
    row.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", openTarget);
  main.addEventListener("click", (event) => { if (event.target.closest("a.square")) setTimeout(openTarget); });

  const events = new EventSource(main.dataset.events);
  events.addEventListener("open", () => {
    show("live", "Live");
    refreshIn(0);
  });
  // A page that has stood still says a change at once; in a stream of them it rests between.
  events.addEventListener("change", () => refreshIn(Math.max(gather, endedAt + rest - performance.now())));
  events.addEventListener("error", () => show("lost", "Connection lost, trying again"));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshIn(0); });

  prepareSquares();
  openTarget();
})();
