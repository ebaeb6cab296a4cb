/* The forward pass of a net, written out: what lowlevel/layers.py and Keras do, in float64. */

const ACTIVATIONS = {
  linear: (z) => z,
  relu: (z) => Math.max(z, 0),
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  tanh: Math.tanh,
};

const LAYERS = {
  /* activation(x @ kernel + bias) */
  Dense(x, layer, [kernel, bias]) {
    return Float64Array.from({ length: layer.units }, (_, unit) => {
      let z = bias ? bias[unit] : 0;
      for (let at = 0; at < x.length; at++) z += x[at] * kernel[at * layer.units + unit];
      return ACTIVATIONS[layer.activation](z);
    });
  },
  Activation: (x, layer) => x.map(ACTIVATIONS[layer.activation]),
  /* gamma (x - mean) / sqrt(variance + epsilon) + beta, with the moving averages, as at test time */
  BatchNormalization(x, layer, [gamma, beta, mean, variance]) {
    return x.map((value, at) => (gamma[at] * (value - mean[at])) / Math.sqrt(variance[at] + layer.epsilon) + beta[at]);
  },
  Dropout: (x) => x, // drops in training only
};

/* The weights of a net as arrays, layer by layer, from the base64 of their little-endian bytes one after the other. */
function decoded(text, layers, type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const all = type === "float64" ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
  let from = 0;
  return layers.map((layer) => layer.sizes.map((size) => all.subarray(from, (from += size))));
}

/* What every layer gives for a row x, and the probabilities, which stand outside of the net: softmax of the last layer's. */
function forward(x, layers, weights) {
  const outputs = [];
  layers.forEach((layer, at) => outputs.push(LAYERS[layer.class_name](outputs[at - 1] ?? x, layer, weights[at])));
  return { outputs, probabilities: softmax(outputs.at(-1)) };
}

function softmax(logits) {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((z) => Math.exp(z - highest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}
