"use strict";
(() => {
  const PAGE = 12;
  const blocks = JSON.parse(document.getElementById("data").textContent).blocks;
  const byId = (id) => document.getElementById(id);
  const controls = ["block", "split", "arm", "answer"].map((name) => byId("f-" + name));
  const [blockBox, splitBox, armBox, answerBox] = controls;
  const textBox = byId("f-text"), list = byId("list"), count = byId("count"), more = byId("more");
  const ANSWERS = {
    all: "any", right: "right in every run", wrong: "wrong in every run", mixed: "right in some runs only"
  };
  let matches = [], shown = 0;

  // Text of models and worlds reaches the page through textContent alone.
  function add(parent, tag, text, className) {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    parent.appendChild(node);
    return node;
  }
  function options(box, entries) {
    const kept = box.value;
    box.textContent = "";
    for (const [value, text] of entries) add(box, "option", text).value = value;
    if (entries.some(([value]) => value === kept)) box.value = kept;
  }
  const block = () => blocks[Number(blockBox.value)];
  const spaced = (name) => name.replaceAll("_", " ");

  function matching(question) {
    if (splitBox.value && question.split !== splitBox.value) return false;
    const runs = question.runs.filter((run) => armBox.value === "" || run[0] === Number(armBox.value));
    if (!runs.length) return false;
    const right = runs.filter((run) => run[2]).length;
    if (answerBox.value === "right" && right !== runs.length) return false;
    if (answerBox.value === "wrong" && right !== 0) return false;
    if (answerBox.value === "mixed" && (right === 0 || right === runs.length)) return false;
    const sought = textBox.value.trim().toLowerCase();
    return !sought || [question.question, ...question.choices].some((text) => text.toLowerCase().includes(sought));
  }

  function best(scores) {
    return scores.indexOf(Math.max(...scores));
  }

  function scoreCell(parent, question, runs, choice) {
    const scored = runs.filter((run) => run[3].length);
    if (!scored.length) return add(parent, "div", "", "score");
    const mean = scored.reduce((sum, run) => sum + run[3][choice], 0) / scored.length;
    const picks = scored.filter((run) => best(run[3]) === choice).length;
    const mostly = picks * 2 > scored.length;
    const ok = question.gold.includes(choice);
    const cell = add(parent, "div", mean.toFixed(1).replace(/^-0\.0$/, "0.0"), "score" + (mostly ? " picked " + (ok ? "ok" : "no") : ""));
    if (picks) add(cell, "small", scored.length > 1 ? picks + " of " + scored.length + " runs" : "picked");
    return cell;
  }

  function card(question) {
    const arms = block().arms;
    const item = add(list, "article", undefined, "item");
    add(item, "h4", question.question + " …");
    const labels = Object.entries(question.labels).map(([key, value]) => spaced(key) + ": " + value);
    add(item, "p", [spaced(question.split), "world " + question.world, ...labels].join(" · "), "tags");
    const table = add(item, "div", undefined, "choices");
    table.style.setProperty("--arms", arms.length);
    add(table, "div", "log-likelihood", "corner choice");
    for (const arm of arms) add(table, "div", arm.replaceAll("+", "+\u200b"), "head");
    question.choices.forEach((text, choice) => {
      add(table, "div", text, "choice" + (question.gold.includes(choice) ? " gold" : ""));
      arms.forEach((_, arm) => scoreCell(table, question, question.runs.filter((run) => run[0] === arm), choice));
    });
  }

  function grow() {
    matches.slice(shown, shown + PAGE).forEach(card);
    shown = Math.min(shown + PAGE, matches.length);
    more.hidden = shown >= matches.length;
  }

  function refresh() {
    const here = block();
    matches = here.questions.filter(matching);
    list.textContent = "";
    shown = 0;
    const left = here.all > here.questions.length
      ? " The page holds " + here.questions.length + " of the study's " + here.all + "; items.parquet has all." : "";
    count.textContent = matches.length + " of " + here.questions.length + " questions." + left;
    grow();
  }

  function choose() {
    const here = block();
    options(splitBox, [["", "all"], ...here.splits.map((split) => [split, spaced(split)])]);
    options(armBox, [["", "any"], ...here.arms.map((arm, i) => [String(i), arm])]);
    refresh();
  }

  options(blockBox, blocks.map((entry, i) => [String(i), entry.name]));
  options(answerBox, Object.entries(ANSWERS));
  blockBox.addEventListener("change", choose);
  for (const box of [splitBox, armBox, answerBox]) box.addEventListener("change", refresh);
  textBox.addEventListener("input", refresh);
  more.addEventListener("click", grow);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  choose();
})();
