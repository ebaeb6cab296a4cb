"""The rules of the house, read off the source: who may import what, what Keras-free means, how twins match, what ships.

A look at `sys.modules` proves little: `import tensorflow` by itself loads Keras, and where `lowlevel` has kept it out
(`tests/test_startup.py`), code that did not run has loaded nothing. The tests walk the syntax trees instead.
"""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("lowlevel", "highlevel", "shared", "lockstep")
WINGS = ("lowlevel", "highlevel")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TWINS = sorted({path.name for wing in WINGS for path in (ROOT / wing).glob("*.py")} - {"__init__.py"})


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ------------------------------------------------------------------------------------------------------- doors to Keras

KERAS_IN_TENSORFLOW = {"keras", "losses", "optimizers", "metrics", "initializers"}  # of tf and of tf.compat.v2
KERAS_IN_V1 = {"keras", "layers", "nn.rnn_cell"}  # of tf.compat.v1, whose losses and metrics are TensorFlow's own
# By these any module can be reached without its name standing in the source.
BUILT_NAMES = {"__import__", "exec", "eval", "compile", "globals", "locals", "__builtins__", "__loader__", "__spec__"}
BUILT_MODULES = {"importlib", "builtins", "pkgutil", "runpy", "imp", "gc", "ctypes", "subprocess", "code"}


def plain(path: str) -> str:
    """`tensorflow.compat.v2.losses` and `tensorflow.compat.v1.compat.v2.losses` are `tensorflow.losses`."""
    for version in ("v2", "v1"):
        _, door, rest = path.rpartition(f".compat.{version}")
        if door and (not rest or rest.startswith(".")):
            return ("tensorflow.compat.v1" if version == "v1" else "tensorflow") + rest
    return path


def leads_to_keras(path: str) -> bool:
    """Whether a dotted path, with aliases resolved, is Keras or a part of TensorFlow behind which Keras can be had."""
    root, *parts = path.split(".")
    if "keras" in root or "keras" in parts or (root == "tensorflow" and any("keras" in part for part in parts)):
        return True
    path = plain(path)
    if not path.startswith("tensorflow."):
        return False
    rest = path.removeprefix("tensorflow.")
    if rest.startswith("compat.v1."):
        rest = rest.removeprefix("compat.v1.")
        return any(rest == door or rest.startswith(f"{door}.") for door in KERAS_IN_V1)
    hidden = any(part.startswith("_") and part != "__version__" for part in rest.split("."))
    return hidden or rest.split(".")[0] in KERAS_IN_TENSORFLOW | {"python"}


def holds_keras(path: str) -> bool:
    """Whether a path is a module of which Keras is an attribute; such a module may be used with a written-out dot only."""
    path = plain(path)
    return path in ("tensorflow", "tensorflow.compat", "tensorflow.compat.v1", "tensorflow.compat.v1.nn")


def keras_doors(source: str) -> list[str]:
    """Every place in the source that reaches Keras or could."""
    tree = ast.parse(source)
    found: list[str] = []
    alias: dict[str, set[str]] = {}  # all that a name is bound to anywhere in the file

    def report(node: ast.AST, what: str) -> None:
        found.append(f"line {getattr(node, 'lineno', '?')}: {what}")

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(one.name, one.asname) for one in node.names]
            for name, bound in names:
                root = name.split(".")[0]
                alias.setdefault(bound or root, set()).add(name if bound else root)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [(f"{node.module}.{one.name}", one.asname or one.name) for one in node.names]
            for name, bound in names:
                alias.setdefault(bound, set()).add(name)
        else:
            continue
        for name, bound in names:
            if leads_to_keras(name) or name.split(".")[0] in BUILT_MODULES or name == "sys.modules":
                report(node, name)
            if bound == "*" and name.startswith("tensorflow"):
                report(node, name)

    def paths_of(node: ast.AST) -> set[str]:
        if isinstance(node, ast.Name):
            return alias.get(node.id, set())
        if isinstance(node, ast.Attribute):
            return {f"{owner}.{node.attr}" for owner in paths_of(node.value)}
        return set()

    dotted = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        for path in paths_of(node):
            if leads_to_keras(path) or path == "sys.modules":
                report(node, path)
            elif holds_keras(path) and id(node) not in dotted:
                report(node, f"{path} handed on, from where Keras can be reached unseen")
        if isinstance(node, ast.Attribute) and node.attr in ("keras", "tf_keras", "__globals__", "__subclasses__"):
            report(node, f"attribute {node.attr}")
        elif isinstance(node, ast.Name) and node.id in BUILT_NAMES | {"keras", "tf_keras"}:
            report(node, node.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            texts = [str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant)]
            if node.func.id == "getattr" and any("keras" in text for text in texts):
                report(node, "getattr of Keras")
            if node.func.id == "vars" and not node.args:
                report(node, "vars() of all names")
    return found


OFFENDING = [
    "import keras",
    "import keras as k",
    "import keras.layers",
    "import tf_keras",
    "from keras import layers",
    "from keras.src import ops",
    "from tf_keras.layers import Dense",
    "import tensorflow.keras",
    "import tensorflow.keras as k",
    "import tensorflow.keras.layers as layers",
    "import tensorflow.python.keras",
    "from tensorflow.python.keras import backend",
    "from tensorflow.python import keras",
    "from tensorflow.python.keras.layers import Dense",
    "from tensorflow import keras",
    "from tensorflow import keras as k",
    "from tensorflow import losses",
    "from tensorflow import optimizers as o",
    "from tensorflow import nn, metrics",
    "from tensorflow import initializers",
    "from tensorflow import *",
    "from tensorflow.keras import *",
    "from tensorflow.compat.v1 import layers",
    "from tensorflow.compat.v1 import keras",
    "from tensorflow.compat.v2 import losses",
    "from tensorflow._api.v2 import losses",
    "import tensorflow as tf\ntf.keras.layers.Dense(1)",
    "import tensorflow\ntensorflow.keras",
    "import tensorflow as tf\ntf.losses.MeanSquaredError()",
    "import tensorflow as tf\ntf.optimizers.Adam()",
    "import tensorflow as tf\ntf.metrics.Mean()",
    "import tensorflow as tf\ntf.initializers.GlorotUniform()",
    "import tensorflow as tf\ntf.compat.v1.layers.dense(x, 1)",
    "import tensorflow as tf\ntf.compat.v1.keras",
    "import tensorflow as tf\ntf.compat.v1.nn.rnn_cell.BasicRNNCell(1)",
    "import tensorflow as tf\ntf.compat.v2.keras",
    "import tensorflow as tf\ntf.compat.v2.optimizers.SGD()",
    "import tensorflow as tf\ntf.compat.v1.compat.v2.losses",
    "import tensorflow.compat.v1 as tf1\ntf1.layers.dense(x, 1)",
    "from tensorflow.compat import v1\nv1.keras",
    "from tensorflow.compat import v2 as t\nt.metrics.Mean()",
    "from tensorflow import compat\ncompat.v1.layers",
    "import tensorflow as tf\ntf.python.keras",
    "import tensorflow as tf\ntf._api.v2.losses",
    "import tensorflow as tf\ntf.lite.TFLiteConverter.from_keras_model(m)",
    'import tensorflow as tf\ngetattr(tf, "keras")',
    'import tensorflow as tf\ngetattr(tf, "ker" + "as")',
    'import tensorflow as tf\ngetattr(tf.compat.v1, "".join(["la", "yers"]))',
    'import tensorflow as tf\nvars(tf)["keras"]',
    'import tensorflow as tf\ntf.__dict__["keras"]',
    'import tensorflow as tf\ntf.__getattribute__("keras")',
    'import tensorflow as tf\nobject.__getattribute__(tf, "losses")',
    'import operator\nimport tensorflow as tf\noperator.attrgetter("losses")(tf)',
    "import tensorflow as tf\nt = tf\nt.losses",
    "import tensorflow as tf\n[tf][0].losses",
    "import tensorflow as tf\ndef f(t=tf):\n    return t.metrics",
    "import tensorflow as tf\nv1 = tf.compat.v1\nv1.layers",
    'import tensorflow as tf\nf"{tf.keras.__version__}"',
    "def f():\n    import tensorflow as tf\n    return tf.losses",
    "def f():\n    from keras import layers",
    "try:\n    import keras\nexcept ImportError:\n    pass",
    'import importlib\nimportlib.import_module("ker" + "as")',
    'from importlib import import_module\nimport_module("tensorflow.keras")',
    '__import__("keras")',
    '__builtins__["__import__"]("keras")',
    'import builtins\nbuiltins.__import__("keras")',
    'exec("import keras")',
    'eval("tf.keras")',
    'import sys\nsys.modules["keras"]',
    'import sys as s\ns.modules["tensorflow"].losses',
    "from sys import modules",
    'globals()["tf"].losses',
    'vars()["tf"].losses',
    'import tensorflow as tf\ntf.function.__globals__["keras"]',
    "import tensorflow as tf\ntf.losses\ndef f():\n    import numpy as tf",
    'import pkgutil\npkgutil.resolve_name("keras.layers")',
    "something.keras",
    'getattr(something, "keras")',
]

INNOCENT = [
    '"""Twin of Keras: ``keras.layers.Dense``, not tf.keras."""',
    'def f():\n    """Keras: ``keras.losses.Loss``; tf.losses and getattr(tf, "keras") are Keras."""',
    "# import keras",
    "from lowlevel import losses, metrics, optimizers, initializers\nlosses.get(1), metrics.Mean(), optimizers.Adam(1)",
    "import lowlevel.losses\nlowlevel.losses.get(1)",
    "from lowlevel.metrics import Mean",
    "class A:\n    def f(self):\n        return self.losses, self.optimizers, self.metrics.result()",
    "losses = []\nlosses.append(1)",
    "network.layers, network.optimizers",
    "import tensorflow as tf\ntf.nn.relu(tf.Variable(0.0)), tf.train.Checkpoint, tf.random.stateless_uniform",
    "import tensorflow as tf\ntf.__version__",
    "import tensorflow as tf\ntf.compat.v1.Session, tf.compat.v1.losses.get_losses, tf.compat.v1.nn.relu",
    "import tensorflow.compat.v1 as tf1\ntf1.placeholder(tf1.float32), tf1.train.AdamOptimizer(1)",
    "from tensorflow import nn\nnn.relu(1)",
    "import tensorflow as tf\ndef f(x: tf.Tensor) -> tf.Tensor:\n    return x",
    'file.attrs["keras_version"] = "3"',
    'getattr(self, f"_{name}")',
    "import sys\nsys.stderr.write('')",
    "import re\nre.compile('a')",
]


@pytest.mark.parametrize("source", OFFENDING)
def test_checker_finds_each_planted_door(source):
    assert keras_doors(source)


@pytest.mark.parametrize("source", INNOCENT)
def test_checker_raises_no_false_alarm(source):
    assert keras_doors(source) == []


def test_C_03_lowlevel_reaches_keras_by_no_door():
    files = [path for path in SOURCES if name_of(path).startswith("lowlevel/")]
    assert len(files) > 10
    found = {name_of(path): keras_doors(path.read_text(encoding="utf-8")) for path in files}
    assert {name: doors for name, doors in found.items() if doors} == {}


# ------------------------------------------------------------------------------------------------------------- imports

MAY_IMPORT = {
    "lowlevel": {"tensorflow", "numpy", "shared", "lowlevel"},
    "highlevel": {"keras", "tensorflow", "numpy", "shared", "highlevel"},
    "shared": {"numpy", "h5py", "sklearn", "shared"},
}
BESIDES = {"estimator.py": {"sklearn"}, "storage.py": {"h5py"}, "trainer.py": {"tqdm"}}  # in both wings
FORBIDDEN = {
    "lowlevel": {"keras", "highlevel", "lockstep"},
    "highlevel": {"lowlevel", "lockstep"},
    "shared": {"tensorflow", "keras", "lowlevel", "highlevel", "lockstep"},
}
HARMLESS = {"importlib.metadata", "importlib.resources"}


def imports(tree: ast.Module) -> list[tuple[str, bool]]:
    """(dotted name, whether it is imported as soon as the module is) of everything imported anywhere in the tree.

    What is imported through a string built at run time is unknown, and named "?".
    """
    found: list[tuple[str, bool]] = []

    def walk(node: ast.AST, now: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((one.name, now) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.extend((f"{node.module}.{one.name}", now) for one in node.names)
        elif isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval"):
            found.append(("?", now))
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        later = later or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for child in ast.iter_child_nodes(node):
            walk(child, now and not later)

    walk(tree, True)
    doors = [name for name, _ in found if name.split(".")[0] in ("importlib", "pkgutil", "runpy")]
    return found + [("?", True) for name in doors if ".".join(name.split(".")[:2]) not in HARMLESS]


def trespasses(package: str, file: str, source: str) -> list[str]:
    """Imports in ``file`` of ``package`` that its floor may not make."""
    found = []
    for name, now in imports(ast.parse(source)):
        root = name.split(".")[0]
        allowed = MAY_IMPORT[package] | (BESIDES.get(file, set()) if package in WINGS else set())
        if root in allowed or root in sys.stdlib_module_names:
            continue
        if package == "shared" and not now and root not in FORBIDDEN["shared"] | {"?", "tf_keras"}:
            continue  # an extra, such as matplotlib, is imported where it is used
        found.append(name)
    return found


@pytest.mark.parametrize(
    ("package", "file", "source"),
    [
        ("lowlevel", "layers.py", "import keras"),
        ("lowlevel", "layers.py", "import highlevel.layers"),
        ("lowlevel", "layers.py", "def f():\n    from highlevel import layers"),
        ("lowlevel", "layers.py", "from lockstep.cli import main"),
        ("lowlevel", "layers.py", "import h5py"),
        ("lowlevel", "layers.py", "import scipy"),
        ("lowlevel", "layers.py", "if TYPE_CHECKING:\n    from highlevel import layers"),
        ("highlevel", "layers.py", "import lowlevel"),
        ("highlevel", "layers.py", "import sklearn"),
        ("highlevel", "layers.py", "from importlib import import_module"),
        ("shared", "spec.py", "def f():\n    import tensorflow as tf"),
        ("shared", "spec.py", "from keras import ops"),
        ("shared", "spec.py", "def f():\n    from lockstep import compare"),
        ("shared", "spec.py", "import importlib\nimportlib.import_module('tensorflow')"),
        ("shared", "spec.py", "f = lambda: __import__('tensorflow')"),
        ("shared", "plots.py", "import matplotlib"),
    ],
)
def test_checker_finds_each_planted_trespass(package, file, source):
    assert trespasses(package, file, source)


@pytest.mark.parametrize(
    ("package", "file", "source"),
    [
        ("lowlevel", "storage.py", "import h5py, json\nfrom shared.spec import ModelSpec"),
        ("lowlevel", "estimator.py", "from sklearn.base import BaseEstimator"),
        ("lowlevel", "layers.py", "from . import activations\nfrom lowlevel.losses import get"),
        ("highlevel", "trainer.py", "import keras, tqdm\nimport tensorflow as tf"),
        ("shared", "plots.py", "def f():\n    import matplotlib"),
        ("shared", "plots.py", "if TYPE_CHECKING:\n    from matplotlib.figure import Figure"),
        ("shared", "spec.py", "from importlib import metadata, resources"),
    ],
)
def test_checker_lets_the_allowed_pass(package, file, source):
    assert trespasses(package, file, source) == []


@pytest.mark.parametrize("package", list(MAY_IMPORT))
def test_imports_run_downward_only(package):
    files = [path for path in SOURCES if name_of(path).startswith(f"{package}/")]
    assert len(files) > 5
    found = {name_of(path): trespasses(package, path.name, path.read_text(encoding="utf-8")) for path in files}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_says_what_it_may_import(package):
    text = " ".join(ast.get_docstring(tree_of(ROOT / package / "__init__.py")).split())
    assert "May import" in text
    for other in FORBIDDEN.get(package, set()):
        assert other in text.partition("May not import")[2], other


# --------------------------------------------------------------------------------------------------------------- twins


def public_definitions(tree: ast.Module) -> list[str]:
    """Names of functions, classes and assignments at the top level that are public, in order."""
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found.extend(part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(node.target.id)
    return [name for name in found if not name.startswith("_")]


def all_of(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["__all__"]:
            return ast.literal_eval(node.value)
    return []


def common(names: list[str], wing: str) -> list[str]:
    """Names without the wing's own mark: LowLevelClassifier and HighLevelClassifier are one idea."""
    return [name.removeprefix({"lowlevel": "LowLevel", "highlevel": "HighLevel"}[wing]) for name in names]


def test_every_file_of_a_wing_has_a_twin():
    files = {wing: {path.name for path in (ROOT / wing).glob("*.py")} for wing in WINGS}
    assert files["lowlevel"] == files["highlevel"]
    assert len(TWINS) >= 10


@pytest.mark.parametrize("file", TWINS)
def test_first_line_names_the_twin(file):
    for wing, other in (WINGS, WINGS[::-1]):
        first = ast.get_docstring(tree_of(ROOT / wing / file)).splitlines()[0]
        assert first.startswith(f"Twin: {other}/{file}. ")


@pytest.mark.parametrize("file", TWINS)
@pytest.mark.parametrize("wing", WINGS)
def test_public_definitions_are_what_all_lists(wing, file):
    tree = tree_of(ROOT / wing / file)
    assert sorted(public_definitions(tree)) == sorted(all_of(tree))
    assert all_of(tree)


@pytest.mark.parametrize("file", [*TWINS, "__init__.py"])
def test_twins_have_the_same_public_names(file):
    low, high = (sorted(common(all_of(tree_of(ROOT / wing / file)), wing)) for wing in WINGS)
    assert low == high


@pytest.mark.parametrize("file", TWINS)
def test_twins_define_their_names_in_the_same_order(file):
    low, high = (common(public_definitions(tree_of(ROOT / wing / file)), wing) for wing in WINGS)
    assert [name for name in low if name in high] == [name for name in high if name in low]


def signatures(file: Path, owner: str) -> dict[str, str]:
    """The public methods of a class, and how it is made, each with its signature as it is written."""
    (found,) = (node for node in tree_of(file).body if isinstance(node, ast.ClassDef) and node.name == owner)
    return {
        node.name: f"({ast.unparse(node.args)}) -> {ast.unparse(node.returns) if node.returns else ''}"
        for node in found.body
        if isinstance(node, ast.FunctionDef) and (node.name == "__init__" or not node.name.startswith("_"))
    }


def test_trainers_have_the_same_methods_with_the_same_signatures():
    low, high = (signatures(ROOT / wing / "trainer.py", "Trainer") for wing in WINGS)
    assert {"__init__", "fit", "predict", "predict_proba", "evaluate", "weights", "load", "save", "summary"} <= set(low)
    assert low == high
    assert list(low) == list(high)


# ---------------------------------------------------------------------------------------------------------- docstrings


def undocumented(tree: ast.Module) -> list[str]:
    """Public functions, classes and methods without a docstring, and the module itself."""
    found = [] if ast.get_docstring(tree) else ["the module"]

    def look(body: list[ast.stmt], owner: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    found.append(f"{owner}{node.name}")
                if isinstance(node, ast.ClassDef):
                    look(node.body, f"{node.name}.")
            elif isinstance(node, ast.If | ast.Try):
                look(node.body, owner)

    look(tree.body, "")
    return found


def test_checker_finds_what_has_no_docstring():
    source = '"""A."""\ndef f(): ...\nclass B:\n    """B."""\n    def g(self): ...\n    def _h(self): ...\n'
    assert undocumented(ast.parse(source)) == ["f", "B.g"]
    assert undocumented(ast.parse("x = 1")) == ["the module"]


def test_everything_public_has_a_docstring():
    found = {name_of(path): undocumented(tree_of(path)) for path in SOURCES}
    assert {name: missing for name, missing in found.items() if missing} == {}


# ---------------------------------------------------------------------------------------------- the repository as a whole

TOP = {
    *PACKAGES,
    *("tests", "notebooks", "datasets", "benchmarks", "docs"),
    *("pyproject.toml", "README.md", "README.zh.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "constraints.txt"),
}
CORE = {"tensorflow", "keras", "numpy", "h5py", "scikit-learn", "tqdm"}


def repository_files() -> list[str]:
    """What git tracks, and what it would if everything were added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in sorted(set(listed.stdout.split("\0"))) if name and (ROOT / name).is_file()]


def test_C_01_top_level_is_the_tree_that_was_asked_for():
    top = {name.split("/")[0] for name in repository_files()}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_C_02_core_dependencies_are_the_six_and_no_others():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [requirement.partition(">")[0].partition("<")[0].partition("=")[0].strip() for requirement in project["dependencies"]]
    assert sorted(names) == sorted(CORE)
    assert "dependencies" not in project.get("dynamic", [])


def test_no_file_names_the_place_where_it_was_made():
    # Written in pieces, so that this file does not find itself.
    needles = [f"/{folder}/" for folder in ("wo" + "rk", "ro" + "ot", "ho" + "me")]
    needles += ["/opt/" + "pypi", "pypi.org" + "/simple", "files.python" + "hosted", "registry.npm" + "js", "arti" + "factory"]
    files = repository_files()
    assert len(files) > 50
    found = [
        f"{name}: {needle}"
        for name in files
        for needle in needles
        if needle.encode() in (ROOT / name).read_bytes() and not name.endswith((".h5", ".png"))
    ]
    assert found == []
