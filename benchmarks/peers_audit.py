"""The audit on loops of PyTorch and JAX. Needs the extra ``peers``.

``python benchmarks/peers_audit.py`` prints the finding on each loop; the exit status is 1 if one is not the expected.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import lockstep

BATCH, RATE = 10, 0.1
generator = np.random.default_rng(5)
x = generator.normal(size=(45, 12)).astype("float32")  # the last batch has five rows
y = generator.integers(0, 5, 45)


def reference(optimizer):
    """12-6-5 with linear outputs, compiled."""
    draw = keras.initializers.GlorotUniform
    hidden = keras.layers.Dense(6, "relu", kernel_initializer=draw(1), name="hidden")
    model = keras.Sequential([keras.Input((12,)), hidden, keras.layers.Dense(5, kernel_initializer=draw(2), name="out")])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def torch_loop(optimizer, zero=True, reduction="mean"):
    """(step, variables) in PyTorch, whose kernels lie (out, in)."""
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(12, 6), torch.nn.ReLU(), torch.nn.Linear(6, 5))
    loss_of, update = torch.nn.CrossEntropyLoss(reduction=reduction), optimizer(torch.optim, net.parameters())

    def step(x, y):
        if zero:
            update.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        update.step()
        return loss

    return step, list(net.parameters())


def in_torch(model, *arguments, **options):
    """The finding on a PyTorch loop."""
    step, variables = torch_loop(*arguments, **options)
    return lockstep.audit(step, variables, model, x, y, batch_size=BATCH, steps=12, transpose=True)


def in_jax(model, summed=False):
    """The finding on a JAX loop, which hands its weights on."""
    import jax
    import jax.numpy as jnp

    def objective(weights, x, y):
        hidden = jax.nn.relu(x @ weights[0] + weights[1])
        losses = -jax.nn.log_softmax(hidden @ weights[2] + weights[3])[jnp.arange(len(y)), y]
        return losses.sum() if summed else losses.mean()

    graded = jax.jit(jax.value_and_grad(objective))

    def run(weights, x, y):
        for _ in range(2):
            for begin in range(0, len(x), BATCH):
                loss, gradients = graded(weights, x[begin : begin + BATCH], y[begin : begin + BATCH])
                weights = [w - RATE * g for w, g in zip(weights, gradients, strict=True)]
                yield loss, weights

    return lockstep.audit_run(run, model, x, y, epochs=2, batch_size=BATCH)


def descent(library, parameters):
    """Plain gradient descent of PyTorch."""
    return library.SGD(parameters, lr=RATE)


def main() -> int:
    """Print a line a loop."""
    sgd, adam = keras.optimizers.SGD, keras.optimizers.Adam
    momentum = lambda library, parameters: library.SGD(parameters, lr=RATE, momentum=0.9, nesterov=True)  # noqa: E731
    its_adam = lambda library, parameters: library.Adam(parameters, lr=1e-3, eps=1e-7)  # noqa: E731
    found = {
        "torch, descent": ((), in_torch(reference(sgd(RATE)), descent)),
        "torch, Nesterov": ((), in_torch(reference(sgd(RATE, momentum=0.9, nesterov=True)), momentum)),
        "torch, no zero_grad": (("gradients-not-reset",), in_torch(reference(sgd(RATE)), descent, zero=False)),
        "torch, summed loss": (("loss-sum-not-mean",), in_torch(reference(sgd(RATE)), descent, reduction="sum")),
        "torch, its own Adam": (("adam-epsilon-inside",), in_torch(reference(adam(1e-3)), its_adam)),
        "jax, descent": ((), in_jax(reference(sgd(RATE)))),
        "jax, summed loss": (("loss-sum-not-mean",), in_jax(reference(sgd(RATE)), summed=True)),
    }
    missed = 0
    for name, (expected, finding) in found.items():
        codes = tuple(cause.code for cause in finding.causes[:1])
        missed += codes != expected or (not expected and not finding.meets("round-off"))
        first = finding.first and f"step {finding.first.step}, {finding.first.stage}, {finding.first.tensor}"
        print(f"{name:<22} {finding.verdict:<10} {', '.join(codes) or '-':<22} {first or '-'}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
