/* website/search.py writes this before the theme's search, which then sorts with guidesFirst(). */

/* The start of the language: this script is three folders below it. */
const START = new URL("../../../", self.location).href;
const GUIDES = ["tutorial/", "how-to/"];
const OTHERS = ["explanation/", "reference/"];
/* What was decided and released: behind all pages that say how it is now. */
const RECORDS = ["decisions/", "reference/changes/"];
/* A word in a title counts more than one in the text, as in the theme's own order. */
const FIELDS = ["title", "path", "text"];

function isBelow(url, folders) {
  return folders.some((folder) => url.startsWith(START + folder));
}

function keyOf(item, url) {
  const field = item.matches.length ? FIELDS.indexOf(item.matches[0].field) : 0;
  let page = 2;
  if (isBelow(url, GUIDES)) page = 0;
  else if (isBelow(url, OTHERS)) page = 1;
  return { record: Number(isBelow(url, RECORDS)), field, page };
}

/* Returns what the theme expects: a function called `match`, which returns a comparison. */
function guidesFirst(sections, theme) {
  function match(result, directive) {
    // This sorts the matches of each item, best first.
    const compare = theme(result, directive);
    const keys = new Map();
    for (const item of result.items) keys.set(item, keyOf(item, sections[item.id].location));
    return (a, b) => {
      const [first, second] = [keys.get(a), keys.get(b)];
      return (
        first.record - second.record ||
        first.field - second.field ||
        first.page - second.page ||
        compare(a, b)
      );
    };
  }
  return match;
}
