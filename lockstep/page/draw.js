/* The pad, and what the nets say of what stands on it, while it is drawn. */

const about = JSON.parse(document.getElementById("nets").textContent);
const weights = about.weights.map((text) => decoded(text, about.layers, about.dtype));
const byId = (id) => document.getElementById(id);

/* What every net says of a frame: a list of forward()'s results in the order of about.nets. Equal nets are asked once. */
function answers(frame) {
  const single = about.dtype === "float64" ? (value) => value : Math.fround;
  const row = rowOf(frame, about.matrix, about.columnsFirst).map(single);
  const said = weights.map((one) => forward(row, about.layers, one));
  return { row, nets: about.nets.map((net) => said[net.weights]) };
}

/* ------------------------------------------------------------------------------------------------------------ the pad */

const PEN = 22; // of 280: about as thick as MNIST's digits, once the drawing fills the box
const pad = byId("pad");
const brush = pad.getContext("2d", { willReadFrequently: true });
Object.assign(brush, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#fff", fillStyle: "#fff" });
let last = null; // where the pen is, while it is down

function penDown(place) {
  brush.beginPath();
  brush.arc(...place, PEN / 2, 0, 2 * Math.PI);
  brush.fill();
  last = place;
}

function penTo(place) {
  brush.beginPath();
  brush.moveTo(...last);
  brush.lineTo(...place);
  brush.stroke();
  last = place;
}

function placeOf(event) {
  const box = pad.getBoundingClientRect();
  return [((event.clientX - box.left) * pad.width) / box.width, ((event.clientY - box.top) * pad.height) / box.height];
}

/* How much ink is where: a byte a pixel, row by row. */
function inkOf(pixels) {
  return Uint8Array.from({ length: pixels.width * pixels.height }, (_, at) => pixels.data[4 * at + 3]);
}

function padFrame() {
  return digitFrame(inkOf(brush.getImageData(0, 0, pad.width, pad.height)), pad.width, pad.height);
}

pad.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0) return;
  pad.setPointerCapture(event.pointerId);
  penDown(placeOf(event));
  changed();
});
pad.addEventListener("pointermove", (event) => {
  if (last === null || !event.isPrimary) return;
  const between = event.getCoalescedEvents?.() ?? []; // places that were passed since the last event
  for (const one of between.length ? between : [event]) penTo(placeOf(one));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) {
  pad.addEventListener(end, (event) => {
    if (event.isPrimary) last = null;
  });
}

/* For those who cannot draw, and those in a hurry: the strokes of a digit, as places on the pad. */
const EXAMPLES = [
  "3: 85,70 140,45 190,70 185,110 135,135 190,160 195,205 140,235 85,210",
  "7: 75,60 200,60 160,140 125,235",
  "0: 140,50 90,90 80,150 105,220 145,235 185,200 200,140 185,75 140,50",
  "4: 95,50 85,140 190,140 / 185,55 175,235",
  "2: 85,90 110,55 160,50 190,85 170,135 85,225 140,220 205,230",
];
let shown = -1;

function drawExample() {
  shown = (shown + 1) % EXAMPLES.length;
  brush.clearRect(0, 0, pad.width, pad.height);
  for (const stroke of EXAMPLES[shown].split(":")[1].split("/")) {
    stroke.trim().split(" ").map((place) => place.split(",").map(Number)).forEach((place, at) => (at ? penTo(place) : penDown(place)));
  }
  last = null;
  changed();
}

byId("example").addEventListener("click", drawExample);
byId("clear").addEventListener("click", () => {
  brush.clearRect(0, 0, pad.width, pad.height);
  changed();
});

let waiting = false;
/* Something was drawn: answer when the browser next paints. */
function changed() {
  if (!waiting) requestAnimationFrame(() => {
    waiting = false;
    show();
  });
  waiting = true;
}

/* --------------------------------------------------------------------------------------------------------- the answer */

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const table = byId("probabilities");
const head = table.createTHead().insertRow();
head.append(...["class", ...about.nets.map((net) => net.name)].map((name) => element("th", name, { scope: "col" })));
const body = table.createTBody();
const rows = about.classes.map((name) => {
  const row = body.insertRow();
  row.append(element("th", name, { scope: "row" }));
  const cells = about.nets.map(() => {
    const cell = row.insertCell();
    cell.append(element("span", "", { class: "bar" }), element("span", "", { class: "value" }));
    return cell;
  });
  return { row, cells };
});

/* The layers whose outputs are shown: all but the last, and those that change nothing. */
const hidden = about.layers.map((layer, at) => at).slice(0, -1).filter((at) => about.layers[at].class_name !== "Dropout");
const strips = hidden.map((at) => {
  const figure = element("figure");
  figure.append(element("figcaption", `${about.layers[at].name}: ${about.layers[at].outputs} units`));
  const cells = about.nets.map((net) => {
    const strip = element("div", "", { class: "strip", role: "img" });
    strip.append(...Array.from({ length: about.layers[at].outputs }, () => element("i")));
    const line = element("div", "", { class: "line" });
    line.append(element("span", net.name), strip);
    figure.append(line);
    return strip;
  });
  byId("layers").append(figure);
  return cells;
});

function show() {
  const frame = padFrame();
  const { row, nets } = answers(frame);
  const blank = frame.every((byte) => byte === 0);
  paint(byId("frame"), frame, 28, 255, false);
  paint(byId("fed"), row, Math.sqrt(row.length), 1, about.columnsFirst);
  for (const canvas of [byId("frame"), byId("fed")]) {
    canvas.setAttribute("aria-label", blank ? "blank" : "the drawing, fitted and centred");
  }
  const best = nets.map((net) => net.probabilities.indexOf(net.probabilities.reduce((a, b) => Math.max(a, b))));
  const same = best.every((label) => label === best[0]);
  byId("said").textContent = blank ? "The nets answer as you draw." : same ? `It is a ${about.classes[best[0]]}.` : "The nets disagree.";
  byId("shares").textContent = blank ? "" : about.nets.map((net, at) => share(net.name, best[at], nets[at])).join(", ");
  rows.forEach(({ row: line, cells }, label) => {
    line.className = !blank && best.includes(label) ? "best" : "";
    cells.forEach((cell, at) => {
      const probability = nets[at].probabilities[label];
      cell.firstChild.style.width = blank ? "0" : `calc((100% - 2 * var(--edge)) * ${probability})`;
      cell.lastChild.textContent = blank ? "–" : shortened(probability, 4);
    });
  });
  strips.forEach((figures, which) => figures.forEach((strip, at) => light(strip, nets[at].outputs[hidden[which]], blank)));
  if (about.answer) check(frame, blank ? null : nets);
}

function share(name, label, net) {
  return `${name}: ${about.classes[label]} with ${shortened(100 * net.probabilities[label], 2)}%`;
}

/* A number with so many digits after the point, never rounded up: 100% is said of nothing less. */
function shortened(value, digits) {
  return (Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits);
}

/* A picture of the numbers from 0 to full, row by row or column by column. */
function paint(canvas, numbers, size, full, columnsFirst) {
  canvas.width = canvas.height = size;
  const pixels = new ImageData(size, size);
  numbers.forEach((_, at) => {
    const value = numbers[columnsFirst ? (at % size) * size + Math.floor(at / size) : at];
    pixels.data.set([255, 255, 255, (255 * value) / full], 4 * at);
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/* Show a layer's outputs as squares, each as strong as its share of the strongest. */
function light(strip, outputs, blank) {
  const strongest = outputs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const top = outputs.findIndex((value) => Math.abs(value) === strongest);
  const active = outputs.reduce((count, value) => count + (value !== 0), 0);
  strip.setAttribute(
    "aria-label",
    blank ? "nothing drawn" : `${active} of ${outputs.length} units are not 0, the strongest is unit ${top + 1} with ${outputs[top].toFixed(3)}`,
  );
  outputs.forEach((value, at) => {
    const cell = strip.children[at];
    cell.style.opacity = blank || !strongest ? 0 : Math.abs(value) / strongest;
    cell.className = value < 0 ? "minus" : "";
    cell.title = blank ? "" : `unit ${at + 1}: ${value.toFixed(3)}`;
  });
}

/* ---------------------------------------------------------------------------------- TensorFlow's answer, where there is one */

let asking = false, next = null;
/* Ask the server what both wings say of the frame, one question at a time; the latest one waits. */
async function check(frame, nets) {
  if (asking) {
    next = [frame, nets];
    return;
  }
  byId("check").textContent = "";
  if (nets === null) return;
  asking = true;
  try {
    const reply = await fetch(about.answer, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ frame: [...frame] }),
    });
    if (!reply.ok) throw new Error((await reply.text()).trim());
    const said = await reply.json();
    const apart = about.nets.flatMap((net, at) =>
      said.probabilities[net.key].map((value, label) => Math.abs(value - nets[at].probabilities[label])),
    );
    const wings = said.identical ? "give the same bits" : `differ by ${said.max_abs}`;
    byId("check").textContent =
      `Computed in this page. TensorFlow, asked for the same pixels: both wings ${wings}; ` +
      `largest difference from this page ${Math.max(...apart).toExponential(1)}.`;
  } catch (error) {
    byId("check").textContent = `TensorFlow could not be asked: ${error.message}`;
  }
  asking = false;
  if (next) {
    const args = next;
    next = null;
    check(...args);
  }
}

byId("fed-caption").textContent = about.matrix ? "as the net is fed: resampled to 20×20" : "as the net is fed";
show();
