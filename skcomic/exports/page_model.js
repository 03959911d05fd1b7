"use strict";
// The model: an image -> grey levels, as Pillow makes them -> probabilities, as skcomic's
// interpreter computes them. Values are kept in single precision and added in double precision.

// ---- The plan ----------------------------------------------------------------------------------

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function floatsOf(base64) {
  return new Float32Array(bytesOf(base64).buffer);
}

// Gives each step its arrays, {data, shape}, which the weights hold one after another.
function readPlan(described) {
  const weights = floatsOf(described.weights);
  let start = 0;
  const readArray = ([name, shape]) => {
    const end = start + shape.reduce((product, side) => product * side, 1);
    const data = weights.subarray(start, end);
    start = end;
    return [name, { data, shape }];
  };
  const steps = described.steps.map(({ kind, numbers, arrays }) => (
    { kind, parts: Object.fromEntries([
      ...Object.entries(numbers), ...Object.entries(arrays).map(readArray),
    ]) }
  ));
  return { ...described, steps, nBytes: weights.byteLength };
}

const TO_PROBABILITIES = ["sigmoid", "softmax", "one_vs_rest"];

// A row of grey levels in [0, 1] -> the probability of each class.
function classify(plan, row) {
  const ends = plan.steps.findIndex(({ kind }) => TO_PROBABILITIES.includes(kind));
  const run = (steps, values) => (
    steps.reduce((each, { kind, parts }) => STEPS[kind](each, parts), values)
  );
  const score = (data) => run(plan.steps.slice(0, ends), { data, shape: [data.length] });
  const scores = score(row);
  if (plan.is_mirrored) {
    const mirrored = score(mirror(row, plan.steps[0].parts.width));
    scores.data = scores.data.map((each, i) => (each + mirrored.data[i]) / 2);
  }
  return run(plan.steps.slice(ends), scores).data;
}

function mirror(row, width) {
  return row.map((_, i) => row[i - (i % width) + (width - 1 - (i % width))]);
}

// ---- The steps: see KINDS in skcomic/models/plan.py --------------------------------------------

const STEPS = {
  image({ data }, { height, width }) {
    const padded = new Float32Array(height * width);
    padded.set(data);
    return { data: padded, shape: [height, width, 1] };
  },

  convolution({ data, shape: [height, width, channels] }, { same, kernel, offset }) {
    const [down, across, , units] = kernel.shape;
    const above = same ? (down - 1) >> 1 : 0;
    const before = same ? (across - 1) >> 1 : 0;
    const shape = same ? [height, width, units] : [height - down + 1, width - across + 1, units];
    const result = new Float32Array(shape[0] * shape[1] * units);
    const sums = new Float64Array(units);
    for (let y = 0, at = 0; y < shape[0]; y++) {
      for (let x = 0; x < shape[1]; x++, at += units) {
        sums.set(offset.data);
        for (let row = 0; row < down; row++) {
          const from = y + row - above;
          if (from < 0 || from >= height) continue;
          for (let column = 0; column < across; column++) {
            const beside = x + column - before;
            if (beside < 0 || beside >= width) continue;
            const pixel = (from * width + beside) * channels;
            const weight = (row * across + column) * channels * units;
            for (let i = 0; i < channels; i++) {
              addScaled(sums, data[pixel + i], kernel.data, weight + i * units);
            }
          }
        }
        result.set(sums, at);
      }
    }
    return { data: result, shape };
  },

  max_pooling: (images, { side }) => (
    pool(images, side, (pixels) => pixels.reduce((most, each) => Math.max(most, each)))
  ),

  average_pooling: (images, { side }) => (
    pool(images, side, (pixels) => pixels.reduce((sum, each) => sum + each, 0) / pixels.length)
  ),

  affine: ({ data, shape }, { scale, offset }) => {
    const n = scale.data.length;
    return { data: data.map((each, i) => each * scale.data[i % n] + offset.data[i % n]), shape };
  },

  standardise: ({ data, shape }, { mean, scale }) => (
    { data: data.map((each, i) => (each - mean.data[i]) / scale.data[i]), shape }
  ),

  relu: ({ data, shape }) => ({ data: data.map((each) => Math.max(each, 0)), shape }),

  flatten: ({ data }) => ({ data, shape: [data.length] }),

  dense({ data }, { weights, offset }) {
    const sums = Float64Array.from(offset.data);
    data.forEach((each, i) => addScaled(sums, each, weights.data, i * sums.length));
    return { data: Float32Array.from(sums), shape: [sums.length] };
  },

  // As describe_gradients in skcomic/features/gradients.py.
  gradients({ data, shape: [height, width] }, { orientations, cell_size, block_size }) {
    const rows = Math.floor(height / cell_size);
    const columns = Math.floor(width / cell_size);
    const cells = new Float64Array(rows * columns * orientations);
    for (let y = 0; y < rows * cell_size; y++) {
      for (let x = 0; x < columns * cell_size; x++) {
        const at = y * width + x;
        const isInside = [y > 0 && y < height - 1, x > 0 && x < width - 1];
        const down = isInside[0] ? Math.fround(data[at + width] - data[at - width]) : 0;
        const across = isInside[1] ? Math.fround(data[at + 1] - data[at - 1]) : 0;
        if (down === 0 && across === 0) continue;
        let angle = Math.atan(down / across) * (180 / Math.PI);
        if (angle < 0) angle += 180;
        const direction = Math.trunc((angle * orientations) / 180) % orientations;
        const cell = Math.floor(y / cell_size) * columns + Math.floor(x / cell_size);
        cells[cell * orientations + direction] += Math.sqrt(down * down + across * across);
      }
    }
    const blocks = [];
    for (let row = 0; row + block_size <= rows; row++) {
      for (let column = 0; column + block_size <= columns; column++) {
        const block = [];
        for (let i = 0; i < block_size; i++) {
          const start = ((row + i) * columns + column) * orientations;
          block.push(...cells.subarray(start, start + block_size * orientations));
        }
        const means = block.map((each) => each / cell_size ** 2);
        blocks.push(...withLengthOne(withLengthOne(means).map((each) => Math.min(each, 0.2))));
      }
    }
    return { data: Float32Array.from(blocks), shape: [blocks.length] };
  },

  // As mean_responses in skcomic/features/responses.py.
  patches({ data, shape: [height, width] }, { grid, filters, offsets }) {
    const [nFilters, side] = filters.shape;
    const down = height - side + 1;
    const across = width - side + 1;
    const sums = new Float64Array(nFilters * 2 * grid ** 2);
    const counts = new Float64Array(grid ** 2);
    const patch = new Float64Array(side ** 2);
    for (let y = 0; y < down; y++) {
      for (let x = 0; x < across; x++) {
        for (let i = 0; i < patch.length; i++) {
          patch[i] = data[(y + Math.floor(i / side)) * width + x + (i % side)];
        }
        normalise(patch);
        const field = Math.floor((y * grid) / down) * grid + Math.floor((x * grid) / across);
        counts[field]++;
        for (let unit = 0; unit < nFilters; unit++) {
          let response = offsets.data[unit];
          const start = unit * patch.length;
          for (let i = 0; i < patch.length; i++) response += patch[i] * filters.data[start + i];
          sums[(2 * unit + (response < 0)) * counts.length + field] += Math.abs(response);
        }
      }
    }
    const means = sums.map((sum, i) => sum / counts[i % counts.length]);
    return { data: Float32Array.from(means), shape: [means.length] };
  },

  sigmoid: ({ data: [score] }) => STEPS.softmax({ data: [0, score] }),

  softmax: ({ data }) => ({ data: Float32Array.from(normalisedPowers([...data])) }),

  // Logarithms of sigmoids, which do not become 0.
  one_vs_rest: ({ data }) => STEPS.softmax({
    data: Array.from(data, (each) => Math.min(each, 0) - Math.log1p(Math.exp(-Math.abs(each)))),
  }),

  // As scale_probabilities in skcomic/evidence/probabilities.py; what is 0 is as small as single
  // precision can tell.
  temperature({ data }, { temperature }) {
    const logits = [...data].map((each) => Math.log(Math.max(each, 2 ** -23)) / temperature);
    return { data: Float32Array.from(normalisedPowers(logits)) };
  },
};

function addScaled(sums, factor, weights, start) {
  if (factor === 0) return; // as most values are after a relu
  for (let i = 0; i < sums.length; i++) sums[i] += factor * weights[start + i];
}

function pool({ data, shape: [height, width, channels] }, side, combine) {
  const shape = [Math.floor(height / side), Math.floor(width / side), channels];
  const pixels = new Float64Array(side ** 2);
  const result = new Float32Array(shape[0] * shape[1] * channels).map((_, at) => {
    const place = Math.floor(at / channels);
    const y = Math.floor(place / shape[1]) * side;
    const x = (place % shape[1]) * side;
    for (let i = 0; i < pixels.length; i++) {
      const pixel = (y + Math.floor(i / side)) * width + x + (i % side);
      pixels[i] = data[pixel * channels + (at % channels)];
    }
    return combine(pixels);
  });
  return { data: result, shape };
}

function withLengthOne(block) {
  const length = Math.sqrt(block.reduce((sum, each) => sum + each * each, 1e-10));
  return block.map((each) => each / length);
}

function normalise(patch) {
  const mean = patch.reduce((sum, each) => sum + each, 0) / patch.length;
  const variance = patch.reduce((sum, each) => sum + (each - mean) ** 2, 0) / patch.length;
  const scale = Math.sqrt(variance + 0.01);
  for (let i = 0; i < patch.length; i++) patch[i] = (patch[i] - mean) / scale;
}

function normalisedPowers(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((each) => Math.exp(each - most));
  const sum = powers.reduce((total, each) => total + each, 0);
  return powers.map((each) => each / sum);
}

// ---- The pixels --------------------------------------------------------------------------------

// An image file, or a video's picture -> what the model sees of it, and its answer.
async function classifyImage(plan, source) {
  const started = performance.now();
  const bitmap = await decode(source);
  const decoded = performance.now();
  const { height, width, background, max_pixels } = plan.images;
  if (bitmap.width * bitmap.height > max_pixels) {
    throw new Error(
      `This image has ${bitmap.width} x ${bitmap.height} pixels; the model takes images of at ` +
      `most ${max_pixels.toLocaleString("en")} pixels.`,
    );
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  // In main memory, for it is read; a graphics card may round in another way.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const grey = toGrey(pixels, background);
  const raster = resizeGrey(grey, [bitmap.height, bitmap.width], [height, width]);
  const probabilities = classify(plan, Float32Array.from(raster, (level) => level / 255));
  const milliseconds = { decode: decoded - started, classify: performance.now() - decoded };
  return { bitmap, raster, probabilities, milliseconds };
}

async function decode(source) {
  try {
    return await createImageBitmap(source, {
      imageOrientation: "from-image", premultiplyAlpha: "none", colorSpaceConversion: "none",
    });
  } catch {
    throw new Error("This is no image that the browser can read.");
  }
}

// Pixels of red, green, blue and alpha -> levels, as to_grey in skcomic/images/grey.py.
function toGrey(pixels, background) {
  const levels = new Uint8Array(pixels.length / 4);
  const luma = (red, green, blue) => (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  let [sum, weight] = [0, 0];
  for (let i = 0, at = 0; i < levels.length; i++, at += 4) {
    levels[i] = luma(pixels[at], pixels[at + 1], pixels[at + 2]);
    sum += levels[i] * pixels[at + 3];
    weight += pixels[at + 3];
  }
  let ground = { white: 255, black: 0 }[background] ?? background;
  if (background === "auto") ground = sum >= 128 * Math.max(1, weight) ? 0 : 255;
  for (let i = 0, at = 0; i < levels.length; i++, at += 4) {
    const alpha = pixels[at + 3];
    if (alpha === 255) continue;
    const compose = (level) => { // as Image.alpha_composite of Pillow
      const product = 128 * (level * alpha + ground * (255 - alpha)) + 0x4000;
      return ((product >> 8) + product) >> 15;
    };
    levels[i] = luma(compose(pixels[at]), compose(pixels[at + 1]), compose(pixels[at + 2]));
  }
  return levels;
}

// As `_resize` in skcomic/images/decoding.py with Pillow's filter "box".
function resizeGrey(grey, [height, width], [toHeight, toWidth]) {
  if (height % toHeight === 0 && width % toWidth === 0) {
    return reduceGrey(grey, width, [toHeight, toWidth], [height / toHeight, width / toWidth]);
  }
  // Since version 13, Pillow begins with the side that becomes shorter by far.
  if (height > toHeight && height - toHeight > 2 * (width - toWidth)) {
    const shorter = resizeRows(transpose(grey, width), height, toHeight);
    return transpose(resizeRows(shorter, width, toWidth), toHeight);
  }
  return resizeRows(resizeRows(grey, width, toWidth), height, toHeight);
}

function transpose(grey, width) {
  const height = grey.length / width;
  return grey.map((_, at) => grey[(at % height) * width + Math.floor(at / height)]);
}

// Means of whole pixels, rounded once.
function reduceGrey(grey, width, [height, toWidth], [down, across]) {
  const factor = Math.floor(Math.fround(2 ** 24 / (down * across)));
  const half = (down * across) >> 1;
  return new Uint8Array(height * toWidth).map((_, at) => {
    let sum = half;
    const start = Math.floor(at / toWidth) * down * width + (at % toWidth) * across;
    for (let row = start; row < start + down * width; row += width) {
      for (let pixel = row; pixel < row + across; pixel++) sum += grey[pixel];
    }
    return Math.floor((sum * factor) / 2 ** 24);
  });
}

// Resizes each row, and transposes: two calls resize rows and columns. Weights are of 22 bits.
function resizeRows(grey, length, target) {
  const nRows = grey.length / length;
  const result = new Uint8Array(target * nRows);
  const scale = length / target;
  const stretch = Math.max(scale, 1);
  for (let i = 0; i < target; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - 0.5 * stretch + 0.5));
    const end = Math.min(length, Math.trunc(centre + 0.5 * stretch + 0.5));
    const shares = Array.from({ length: end - start }, (_, pixel) => {
      const place = (pixel + start - centre + 0.5) * (1 / stretch);
      return place > -0.5 && place <= 0.5 ? 1 : 0;
    });
    const sum = shares.reduce((total, share) => total + share, 0);
    const weights = shares.map((share) => Math.trunc(0.5 + (share / sum) * 2 ** 22));
    for (let row = 0; row < nRows; row++) {
      let level = 2 ** 21;
      for (let pixel = 0; pixel < weights.length; pixel++) {
        level += grey[row * length + start + pixel] * weights[pixel];
      }
      result[i * nRows + row] = Math.min(255, level >> 22);
    }
  }
  return result;
}
