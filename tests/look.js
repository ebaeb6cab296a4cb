/* What is wrong with the page as it stands: a list of lines, empty where nothing is.  Contrast as WCAG 2.2 computes it. */
(() => {
  const faults = [];
  const named = (node) => `${node.tagName.toLowerCase()}${node.id ? `#${node.id}` : ""} ${(node.textContent || "").trim().slice(0, 40)}`;
  document.querySelectorAll("details").forEach((one) => (one.open = true));

  /* a phone zooms out until all is in, which makes innerWidth larger */
  const wide = document.documentElement.scrollWidth, window = Math.min(innerWidth, document.documentElement.clientWidth);
  if (wide > window) faults.push(`overflow: ${wide} > ${window}`);

  const colour = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const over = (top, below) => top.rgb.map((value, at) => value * top.a + below[at] * (1 - top.a));
  const ground = (node) => {
    const layers = [];
    for (; node; node = node.parentElement) {
      const one = colour(getComputedStyle(node).backgroundColor);
      if (one.a > 0) layers.push(one);
      if (one.a === 1) break;
    }
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255]);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };

  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) continue;
    if (!node.checkVisibility()) continue;
    texts += 1;
    const below = ground(node);
    const ratio = contrast(over(colour(getComputedStyle(node).color), below), below);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${named(node)}`);
    if (parseFloat(getComputedStyle(node).fontSize) < 12) faults.push(`small print: ${named(node)}`);
  }
  if (!texts) faults.push("no text");
  for (const line of document.querySelectorAll(".plot path:not(.grid), .bar, button")) {
    const style = getComputedStyle(line), below = ground(line.parentElement);
    const drawn = line.tagName === "path" ? style.stroke : line.tagName === "BUTTON" ? style.borderTopColor : style.backgroundColor;
    if (contrast(over(colour(drawn), below), below) < 3) faults.push(`contrast of a line: ${line.getAttribute("class")}`);
  }

  const without = (selector, rule, holds) =>
    document.querySelectorAll(selector).forEach((node) => holds(node) || faults.push(`${rule}: ${named(node)}`));
  without("img", "no text alternative", (node) => node.alt);
  without("[role=img], [role=region]", "no label", (node) => node.getAttribute("aria-label"));
  without("svg", "neither named nor hidden", (node) => node.getAttribute("role") || node.getAttribute("aria-hidden"));
  without("th", "no scope", (node) => node.scope);
  const named_rows = (table) => table.querySelectorAll("tbody tr").length < 2 || table.querySelector("tbody th[scope=row]");
  without("table", "no headers", (node) => node.querySelector("th[scope=col]") && named_rows(node));
  without("section", "no heading", (node) => document.getElementById(node.getAttribute("aria-labelledby")));
  without("a", "leads nowhere", (node) => document.getElementById(node.getAttribute("href").slice(1)));
  without("button", "too small", (node) => Math.min(node.offsetWidth, node.offsetHeight) >= 44);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  if (new Set(ids).size < ids.length) faults.push("an id stands twice");
  for (const tag of ["main", "footer", "h1", "title"]) {
    if (document.querySelectorAll(tag).length !== 1) faults.push(`not one ${tag}`);
  }
  if (!document.documentElement.lang) faults.push("no language");
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((node) => Number(node.tagName[1]));
  if (levels.some((level, at) => level > (levels[at - 1] ?? 0) + 1)) faults.push("a heading's level is left out");
  return faults;
})();
