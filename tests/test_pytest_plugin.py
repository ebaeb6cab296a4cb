"""The fixtures that test suites of others use, in a pytest inside this one."""

import pytest

pytest_plugins = ["pytester"]

LOOP = """
    import keras, numpy as np, pytest, tensorflow as tf

    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int64")

    def loop(reduce):
        model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="out")], name="mine")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="l")
        model.compile(keras.optimizers.SGD(0.1, name="s"), loss)
        variables = [tf.Variable(weight.value) for weight in model.weights]

        def step(x, y):
            with tf.GradientTape() as tape:
                loss = reduce(tf.nn.sparse_softmax_cross_entropy_with_logits(y, x @ variables[0] + variables[1]))
            for variable, gradient in zip(variables, tape.gradient(loss, variables)):
                variable.assign_sub(0.1 * gradient)
            return loss

        return step, variables, model

    def test_right(assert_lockstep):
        assert assert_lockstep(*loop(tf.reduce_mean), x, y, batch_size=8, steps=4).steps == 4

    def test_wrong(assert_lockstep):
        assert_lockstep(*loop(tf.reduce_sum), x, y, batch_size=8, steps=4)

    def test_run(assert_lockstep):
        model = loop(tf.reduce_mean)[2]

        def run(weights, x, y):
            yield 1.0, weights[:2]

        assert_lockstep(model, x, y, run=run, batch_size=8)
"""


@pytest.fixture
def inner(pytester):
    """Runs the inner pytest, which finds the plugin by itself where the package is installed."""

    def run(*arguments):
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", *arguments)

    return run


def test_a_wrong_loop_fails_with_its_finding_and_no_traceback(pytester, inner):
    pytester.makepyfile(LOOP)
    result = inner()
    result.assert_outcomes(passed=1, failed=2)
    text = result.stdout.str()
    assert "the loop is not in lockstep with Keras" in text
    assert "cause 1: loss-sum-not-mean" in text
    assert "lockstep/pytest_plugin.py" not in text


def test_the_fixtures_say_what_they_are(pytester, inner):
    text = inner("--fixtures").stdout.str()
    assert "assert_lockstep" in text
    assert "assert_trace" in text
