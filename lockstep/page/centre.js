/* Brings a drawing into the form that the digits have: MNIST's frame, then the row that the net is fed.

The rule of lockstep predict (shared/data/handwriting.py, shared/data/digits.py) to the same bits. Numbers that are float32 there
go through Math.fround here. The one difference: the pad's ground is known to be 0 and need not be found. */

const FRAME = 28, BOX = 20, MIDDLE = 14; // of MNIST: the picture, the digit in it, the pixel where the centre of mass lies
const FAINTEST = 8; // of 255: less contrast than that is blank
const LEAST = Math.fround(0.15); // of the strongest ink: less than that is the rim of a stroke

/* The frame, 28x28 bytes with bright ink on 0, of ink (bytes, row by row) on a ground of 0. Blank where nothing is drawn. */
function digitFrame(ink, width, height) {
  const frame = new Uint8Array(FRAME * FRAME);
  const strongest = ink.reduce((a, b) => Math.max(a, b), 0);
  if (strongest <= FAINTEST) return frame;
  const least = Math.fround(LEAST * strongest);
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] < least) continue;
      top = Math.min(top, y);
      bottom = y;
      left = Math.min(left, x);
      right = Math.max(right, x);
    }
  }
  const [across, down] = [right - left + 1, bottom - top + 1];
  const marks = new Float32Array(across * down);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const mark = ink[(y + top) * width + x + left];
      marks[y * across + x] = mark < least ? 0 : mark;
    }
  }
  const [columns, rows] = [across, down].map((length) => Math.max(1, roundHalfEven((length * BOX) / Math.max(across, down))));
  const small = shrunk(shrunk(marks, across, down, columns, true), columns, down, rows, false);
  const brightest = small.reduce((a, b) => Math.max(a, b), 0);
  for (let at = 0; at < small.length; at++) {
    small[at] = Math.floor(Math.fround(Math.fround(Math.fround(small[at] / brightest) * 255) + 0.5));
  }
  const first = start(rows, (at) => small.subarray(at * columns, (at + 1) * columns).reduce((a, b) => a + b, 0));
  const second = start(columns, (at) => small.reduce((sum, mark, i) => (i % columns === at ? sum + mark : sum), 0));
  small.forEach((mark, at) => {
    frame[(first + Math.floor(at / columns)) * FRAME + second + (at % columns)] = mark;
  });
  return frame;
}

/* Where to lay a strip of that length so that its centre of mass falls on the middle, as far as it fits. */
function start(length, massAt) {
  let [mass, moment] = [0, 0];
  for (let at = 0; at < length; at++) {
    mass += massAt(at);
    moment += massAt(at) * at;
  }
  return Math.min(Math.max(MIDDLE - Math.floor(moment / mass + 0.5), 0), FRAME - length);
}

/* Pillow's box filter along one axis: every new pixel is the mean of the whole old pixels whose centres it covers. */
function shrunk(values, width, height, length, across) {
  const old = across ? width : height, columns = across ? length : width, rows = across ? height : length;
  if (length === old) return values;
  const scale = old / length, support = 0.5 * Math.max(scale, 1);
  const result = new Float32Array(columns * rows);
  for (let at = 0; at < length; at++) {
    const middle = (at + 0.5) * scale, covered = [];
    for (let one = Math.max(0, Math.trunc(middle - support + 0.5)); one < Math.min(old, Math.trunc(middle + support + 0.5)); one++) {
      const offset = ((one - middle + 0.5) * 0.5) / support;
      if (offset > -0.5 && offset <= 0.5) covered.push(one);
    }
    for (let other = 0; other < (across ? height : width); other++) {
      const part = 1 / covered.length;
      let sum = 0;
      for (const one of covered) sum += values[across ? other * width + one : one * width + other] * part;
      result[across ? other * columns + at : at * columns + other] = sum;
    }
  }
  return result;
}

/* Python's round. */
function roundHalfEven(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

/* The row that the net is fed, from a frame: with a resampling matrix (20 rows of 28) the course's 400 numbers, else the pixels. */
function rowOf(frame, matrix, columnsFirst) {
  const pixels = Float64Array.from(frame, (byte) => byte / 255);
  const small = matrix ? resampled(pixels, matrix) : pixels;
  const size = Math.sqrt(small.length);
  return Float64Array.from(small, (_, at) => small[columnsFirst ? (at % size) * size + Math.floor(at / size) : at]);
}

/* matrix @ pixels @ matrix.T, upright, with the sums in the order that shared/data/digits.py fixes. */
function resampled(pixels, matrix) {
  const size = matrix.length;
  const squeezed = new Float64Array(size * FRAME), result = new Float64Array(size * size);
  matrix.forEach((weights, at) => {
    for (let x = 0; x < FRAME; x++) squeezed[at * FRAME + x] = weighted(weights, (old) => pixels[old * FRAME + x]);
  });
  matrix.forEach((weights, at) => {
    for (let y = 0; y < size; y++) result[y * size + at] = weighted(weights, (old) => squeezed[y * FRAME + old]);
  });
  return result;
}

function weighted(weights, valueAt) {
  let sum = 0;
  weights.forEach((weight, old) => {
    if (weight !== 0) sum += valueAt(old) * weight;
  });
  return sum;
}
